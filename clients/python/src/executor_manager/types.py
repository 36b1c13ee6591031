"""Generated from the OpenAPI document by `npm run generate`: do not edit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Dict, List, Literal, Optional, TypedDict, Union

if TYPE_CHECKING:
    from typing_extensions import Required


@dataclass(frozen=True)
class BatchAnswer:
    results: List[BatchResult]
    """In the order of the request."""


class BatchInput(TypedDict, total=False):
    arguments: Dict[str, Any]
    """Mode function: what main is called with, by name. Numbers arrive as they are written."""
    argv: List[str]
    """Arguments of the program, behind its own name."""
    stdin: Optional[str]
    """What the program reads from stdin. Without it, reads end at once."""


@dataclass(frozen=True)
class BatchResultProblem:
    problem: Problem


class Callback(TypedDict, total=False):
    url: Required[str]
    """Where to: https://… or http://…"""
    secret: str
    """Signs the call; by default the one that the operator has set."""


@dataclass(frozen=True)
class Command:
    id: str
    pid: int
    """Of the process in its sandbox."""
    argv: List[str]
    cwd: str
    terminal: bool
    status: Literal["running", "succeeded", "failed", "lost"]
    exit_code: Optional[int]
    signal: Optional[str]
    """The signal that ended it, such as SIGTERM."""
    started_at: str
    ended_at: Optional[str]
    output: OutputSpan


@dataclass(frozen=True)
class CommandList:
    commands: List[Command]


@dataclass(frozen=True)
class CommandOutcome:
    status: Literal["succeeded", "failed", "timed_out", "output_limit", "canceled", "lost"]
    exit_code: Optional[int]
    """null unless the command ended by itself."""
    signal: Optional[str]
    """The signal that ended it, such as SIGTERM."""
    stdout: str
    """Bytes that are not UTF-8 become U+FFFD."""
    stderr: str
    wall_ms: float


@dataclass(frozen=True)
class CommandOutput:
    stdout: str
    stderr: str
    dropped: int
    """Bytes after offset that are not there any more."""
    next_offset: int
    running: bool


@dataclass(frozen=True)
class CommandRequest:
    command: Optional[str] = None
    """A line for bash."""
    argv: Optional[List[str]] = None
    """A program and its arguments, instead of command."""
    cwd: Optional[str] = None
    """From the home, unless it is absolute."""
    env: Optional[Dict[str, str]] = None
    """Added to the variables of the session."""
    stdin: Optional[str] = None
    """Without it, reads end at once; in the background, stdin stays open."""
    user: Optional[Literal["user", "root"]] = None
    """root where the template has it."""
    background: Optional[bool] = None
    """Answer at once; the command goes on when the request is over."""
    wall_ms: Optional[int] = None
    """Wall time in milliseconds; not of one in the background."""


@dataclass(frozen=True)
class Context:
    id: str
    language: str
    state: Literal["new", "idle", "busy", "lost"]
    """new: its process is started with its first run. lost: its process has ended, and its variables are gone; the next run starts another."""
    cwd: str
    """The folder that it began in."""
    execution_count: int
    waiting: int
    """Runs that wait for their turn."""
    created_at: str


@dataclass(frozen=True)
class ContextList:
    contexts: List[Context]


@dataclass(frozen=True)
class ContextRequest:
    language: str
    """A language of the template, such as python."""
    cwd: Optional[str] = None
    """The folder that it begins in: from the home, unless it is absolute."""
    env: Optional[Dict[str, str]] = None
    """Added to the variables of the session."""


@dataclass(frozen=True)
class EventDisplay:
    """The program shows something."""

    data: MimeBundle


@dataclass(frozen=True)
class EventStarted:
    """The run has an executor."""

    id: str
    queue_ms: float


@dataclass(frozen=True)
class EventStderr:
    """The program has written to stderr."""

    text: str


@dataclass(frozen=True)
class EventStdout:
    """The program has written to stdout."""

    text: str


@dataclass(frozen=True)
class FileEntry:
    path: str
    """From the folder; of one entry alone, as it was asked for."""
    type: Literal["file", "folder", "link", "other"]
    mode: str
    """Octal, such as 644."""
    size: int
    modified_at: str
    target: Optional[str]
    """Where a link leads."""


@dataclass(frozen=True)
class FileLeftOut:
    path: str
    size: int
    reason: Literal["number", "size", "time", "unreadable", "name"]


@dataclass(frozen=True)
class FileList:
    entries: List[FileEntry]


@dataclass(frozen=True)
class FolderRequest:
    path: str
    """From the home, unless it is absolute."""


@dataclass(frozen=True)
class ForkedSessions:
    sessions: List[Session]


class InputFile(TypedDict, total=False):
    path: Required[str]
    """Where it is put, from the working directory; folders are made."""
    content: str
    """The content as text."""
    content_base64: str
    """The content in base64, instead of content."""


@dataclass(frozen=True)
class Interrupted:
    interrupted: bool
    """Whether something ran."""


class Limits(TypedDict, total=False):
    """Each at most the limit of the template, which is also the default: GET /v1/templates."""

    wall_ms: int
    """Wall time in milliseconds."""
    cpu_ms: int
    """Processor time in milliseconds, of all processes of the run together."""
    memory_mb: int
    """Memory in MiB, beyond what the idle executor holds."""
    output_bytes: int
    """Of each of stdout and stderr, in bytes."""
    processes: int
    """Processes and threads together, with those of the runner of the language."""


@dataclass(frozen=True)
class MoveRequest:
    from_: str
    """From the home, unless it is absolute."""
    to: str
    """From the home, unless it is absolute."""


@dataclass(frozen=True)
class Outcome:
    id: str
    status: Literal["succeeded", "failed", "timed_out", "out_of_memory", "output_limit", "refused", "canceled", "lost"]
    """How the run ended. A program that fails is no error of HTTP: that is 200."""
    exit_code: Optional[int]
    """null unless the program ended by itself."""
    signal: Optional[str]
    """The signal that ended it, such as SIGSEGV."""
    stdout: str
    """Bytes that are not UTF-8 become U+FFFD."""
    stderr: str
    stdout_truncated: bool
    stderr_truncated: bool
    result: Any
    """What main returned, as JSON; of a cell, the value of its last expression as a MimeBundle; null: nothing."""
    displays: List[MimeBundle]
    """What a cell displayed, in order, beside its value."""
    error: Optional[RunError]
    files: List[OutputFile]
    """Files that the program made or changed."""
    files_left_out: List[FileLeftOut]
    """Files that are not among them, and why."""
    usage: Usage
    timings: Timings
    detail: str
    """What happened, in a sentence or two for a person."""


@dataclass(frozen=True)
class OutputFile:
    path: str
    size: int
    media_type: str
    content_base64: str


@dataclass(frozen=True)
class OutputSpan:
    """Which bytes of its output are there, counted on both streams together."""

    first_offset: int
    next_offset: int


@dataclass(frozen=True)
class ProblemError:
    pointer: str
    """JSON Pointer of the field."""
    detail: str


@dataclass(frozen=True)
class Problem:
    """RFC 9457"""

    type: Literal["/problems/invalid-request", "/problems/unauthorized", "/problems/forbidden", "/problems/not-permitted", "/problems/not-found", "/problems/method-not-allowed", "/problems/key-in-use", "/problems/not-read-yet", "/problems/session-lost", "/problems/context-busy", "/problems/context-failed", "/problems/body-too-slow", "/problems/session-ended", "/problems/body-too-large", "/problems/unsupported-media-type", "/problems/no-such-range", "/problems/upgrade-required", "/problems/key-reused", "/problems/rate-limited", "/problems/too-much-held", "/problems/canceled", "/problems/internal", "/problems/lost", "/problems/not-implemented", "/problems/bad-gateway", "/problems/no-executor", "/problems/shutting-down", "/problems/unavailable", "/problems/storage-full"]
    title: str
    status: int
    detail: str
    """What is wrong with this request; names the field."""
    instance: str
    """The request, as in the header X-Request-Id."""
    errors: Optional[List[ProblemError]] = None
    """All that is wrong with the request."""


class Run(TypedDict, total=False):
    code: Required[str]
    """The source, as plain text."""
    language: str
    """A language of GET /v1/templates, such as python. Not needed with a template."""
    template: str
    """A template of GET /v1/templates; by default the one of the language."""
    mode: Literal["script", "function", "cell"]
    """script: run from the first line to the last. function: main is called with the arguments, and what it returns is the result. cell: as in a notebook: the value of the last expression is the result, as a MIME bundle, beside what the cell displays; await, and with Python magics and shell commands, may stand outside of functions. In bash a script."""
    arguments: Dict[str, Any]
    """Mode function: what main is called with, by name. Numbers arrive as they are written."""
    argv: List[str]
    """Arguments of the program, behind its own name."""
    stdin: Optional[str]
    """What the program reads from stdin. Without it, reads end at once."""
    env: Dict[str, str]
    """Variables that are added to the environment."""
    files: Union[Dict[str, Union[str, bytes]], List[InputFile]]
    """Files that are put into the working directory before the program starts."""
    limits: Limits
    network: Literal["none", "egress"]
    """What the program may reach; by default what the operator has set. More is refused."""
    collect: List[str]
    """Globs of the files that come back. By default whatever is new or changed in the working directory."""
    callback: Callback
    """With Prefer: respond-async: what is called when the run has ended (Standard Webhooks)."""


@dataclass(frozen=True)
class RunCompletedData:
    id: str
    status: Literal["succeeded", "failed", "timed_out", "out_of_memory", "output_limit", "refused", "canceled", "lost"]
    detail: str
    url: str
    """Where the run is."""


@dataclass(frozen=True)
class RunCompleted:
    """What is sent to callback.url."""

    type: Literal["run.completed"]
    timestamp: str
    """When the run ended."""
    data: RunCompletedData


@dataclass(frozen=True)
class RunError:
    name: str
    message: str
    traceback: str
    """As the language prints it."""
    line: Optional[int]
    """Of the code that was sent, from 1."""


@dataclass(frozen=True)
class RunList:
    runs: List[RunSummary]
    """The youngest first."""
    next: Optional[str]
    """For `before`: the next page; null: this is the last."""


@dataclass(frozen=True)
class RunState:
    """An accepted run."""

    id: str
    status: Literal["queued", "running", "succeeded", "failed", "timed_out", "out_of_memory", "output_limit", "refused", "canceled", "lost"]
    detail: str
    """What happens or has happened, for a person."""
    template: str
    created_at: str
    started_at: Optional[str]
    ended_at: Optional[str]
    expires_at: Optional[str]
    """When it is removed; null: not before it has ended."""
    outcome: Optional[StoredOutcome]
    """null: it has not ended, or has no outcome."""
    problem: Optional[Problem]
    """Why a run that has ended has no outcome."""


@dataclass(frozen=True)
class RunSummary:
    id: str
    status: Literal["queued", "running", "succeeded", "failed", "timed_out", "out_of_memory", "output_limit", "refused", "canceled", "lost"]
    detail: str
    """What happens or has happened, for a person."""
    template: str
    created_at: str
    started_at: Optional[str]
    ended_at: Optional[str]
    expires_at: Optional[str]
    """When it is removed; null: not before it has ended."""


@dataclass(frozen=True)
class SessionIdle:
    freeze_ms: Optional[int]
    hibernate_ms: Optional[int]


@dataclass(frozen=True)
class SessionLimits:
    memory_mb: int
    """Memory in MiB, files included."""
    cpus: float
    """Processors’ worth of time, such as 0.5."""
    processes: int
    """Processes and threads together."""
    disk_mb: int
    """Size of the home in MiB."""


@dataclass(frozen=True)
class SessionCheckpoint:
    created_at: str
    bytes: int


@dataclass(frozen=True)
class Session:
    id: str
    template: str
    state: Literal["creating", "ready", "busy", "frozen", "hibernating", "hibernated", "waking", "lost", "dead"]
    why: str
    """Why it is in this state."""
    created_at: str
    expires_at: str
    idle: SessionIdle
    metadata: Dict[str, str]
    limits: SessionLimits
    checkpoint: Optional[SessionCheckpoint]
    """The last state of it that is on disk."""
    drops_at: Optional[str]
    """When it will be dropped for want of disk, unless it is used; null: it will not."""


@dataclass(frozen=True)
class SessionChange:
    ttl_ms: int
    """The session ends so long from now."""


@dataclass(frozen=True)
class SessionFork:
    count: Optional[int] = None
    """How many copies."""


@dataclass(frozen=True)
class SessionLimits:
    """Each at most the limit of the template, which is also the default. They hold as long as the session lives. Of a session of processes or disk_mb the sandbox is made when it is asked for."""

    memory_mb: Optional[int] = None
    """Memory in MiB, files included."""
    cpus: Optional[float] = None
    """Processors’ worth of time, such as 0.5."""
    processes: Optional[int] = None
    """Processes and threads together."""
    disk_mb: Optional[int] = None
    """Size of the home in MiB."""


@dataclass(frozen=True)
class SessionList:
    sessions: List[Session]


@dataclass(frozen=True)
class SessionOutcome:
    id: str
    status: Literal["succeeded", "failed", "timed_out", "out_of_memory", "output_limit", "refused", "canceled", "lost"]
    """As of an Outcome. lost: the session has ended before it."""
    exit_code: Optional[int]
    """null unless the program ended by itself."""
    signal: Optional[str]
    """The signal that ended it, such as SIGSEGV."""
    stdout: str
    """Bytes that are not UTF-8 become U+FFFD."""
    stderr: str
    stdout_truncated: bool
    stderr_truncated: bool
    result: Any
    """What main returned, as JSON; of a cell, the value of its last expression as a MimeBundle; null: nothing."""
    displays: List[MimeBundle]
    """What a cell displayed, in order, beside its value."""
    error: Optional[RunError]
    files: List[OutputFile]
    """None: what the program made is among the session’s files."""
    files_left_out: List[FileLeftOut]
    """Files that are not among them, and why."""
    usage: Usage
    timings: Timings
    detail: str
    """What happened, in a sentence or two for a person."""
    context: str
    """Id of the context that ran it."""
    execution_count: int
    """Of runs in the process of the context."""
    context_lost: bool
    """Whether the process of the context has ended with it, and its variables with that."""


@dataclass(frozen=True)
class SessionRequestIdle:
    """So long after its last use the processes of the session stand still, and its state goes to disk. null: never. A session whose processes compute is not idle."""

    freeze_ms: Optional[int] = None
    hibernate_ms: Optional[int] = None


@dataclass(frozen=True)
class SessionRequest:
    template: Optional[str] = None
    """A runtime or a template. Without it: workspace where that is built, else python."""
    snapshot: Optional[str] = None
    """A snapshot of GET /v1/snapshots: the session begins as that was, and template counts no more."""
    env: Optional[Dict[str, str]] = None
    """Variables of every process of the session."""
    files: Optional[List[InputFile]] = None
    """Files that are put into the home before the session is answered."""
    limits: Optional[SessionLimits] = None
    """What it may use. A session from a snapshot is as that was."""
    network: Optional[Literal["none", "egress"]] = None
    """none: it reaches nothing, whatever the operator allows. By default what the operator has set; more is refused. A session from a snapshot is as that was."""
    metadata: Optional[Dict[str, str]] = None
    """Kept and told, for the caller’s own use."""
    ttl_ms: Optional[int] = None
    """The session ends so long after its last use."""
    idle: Optional[SessionRequestIdle] = None
    """So long after its last use the processes of the session stand still, and its state goes to disk. null: never. A session whose processes compute is not idle."""


@dataclass(frozen=True)
class SessionResume:
    from_: Optional[Literal["checkpoint"]] = None
    """Take a session that is lost back to its last checkpoint."""


@dataclass(frozen=True)
class SessionRun:
    code: str
    """The source, as plain text."""
    context: Optional[str] = None
    """Id of a context; by default the default context of the language."""
    language: Optional[str] = None
    """Whose default context runs it, where no context is said; by default the first language of the template."""
    mode: Optional[Literal["script", "function", "cell"]] = None
    """As of a Run; all modes share the variables of the context."""
    arguments: Optional[Dict[str, Any]] = None
    """Mode function: what main is called with, by name. Numbers arrive as they are written."""
    argv: Optional[List[str]] = None
    """Arguments of the program, behind its own name."""
    stdin: Optional[str] = None
    """What the program reads from stdin. Without it, reads end at once."""
    files: Optional[List[InputFile]] = None
    """Files that are put into the folder of the context before the program starts."""
    wall_ms: Optional[int] = None
    """Wall time in milliseconds. A program that reaches it is interrupted, and its context is ended if that does not help."""
    wait: Optional[bool] = None
    """Whether it waits where the context runs something. If not, the answer is 409."""


@dataclass(frozen=True)
class SignalRequest:
    signal: Optional[Literal["SIGHUP", "SIGINT", "SIGQUIT", "SIGILL", "SIGTRAP", "SIGABRT", "SIGIOT", "SIGBUS", "SIGFPE", "SIGKILL", "SIGUSR1", "SIGSEGV", "SIGUSR2", "SIGPIPE", "SIGALRM", "SIGTERM", "SIGCHLD", "SIGSTKFLT", "SIGCONT", "SIGSTOP", "SIGTSTP", "SIGTTIN", "SIGTTOU", "SIGURG", "SIGXCPU", "SIGXFSZ", "SIGVTALRM", "SIGPROF", "SIGWINCH", "SIGIO", "SIGPOLL", "SIGPWR", "SIGSYS"]] = None


@dataclass(frozen=True)
class SignedUrl:
    url: str
    """From the address of the service."""
    expires_at: str


@dataclass(frozen=True)
class SignedUrlRequest:
    path: str
    """A file."""
    method: Optional[Literal["GET", "PUT"]] = None
    ttl_ms: Optional[int] = None
    """How long the URL is valid."""


@dataclass(frozen=True)
class SignedUrlRequest:
    port: int
    """A server of the session."""
    ttl_ms: Optional[int] = None
    """How long the URL is valid."""


@dataclass(frozen=True)
class Snapshot:
    id: str
    template: str
    """Of the session."""
    created_at: str
    bytes: int
    """On disk."""
    metadata: Dict[str, str]
    """Of the session."""


@dataclass(frozen=True)
class SnapshotList:
    snapshots: List[Snapshot]


@dataclass(frozen=True)
class StatusExecutor:
    pool: str
    state: str
    count: int


@dataclass(frozen=True)
class Status:
    status: Literal["ok"]
    version: str
    uptime_ms: float
    queued: int
    """Runs that wait for an executor."""
    executors: List[StatusExecutor]


@dataclass(frozen=True)
class StdinRequest:
    text: Optional[str] = None
    content_base64: Optional[str] = None
    """Bytes, instead of text."""
    close: Optional[bool] = None
    """Nothing more comes."""


@dataclass(frozen=True)
class StoredFile:
    path: str
    size: int
    media_type: str
    url: str
    """Where its content is, for as long as the run is kept."""


@dataclass(frozen=True)
class StoredOutcome:
    """The outcome of an accepted run."""

    id: str
    status: Literal["succeeded", "failed", "timed_out", "out_of_memory", "output_limit", "refused", "canceled", "lost"]
    """How the run ended. A program that fails is no error of HTTP: that is 200."""
    exit_code: Optional[int]
    """null unless the program ended by itself."""
    signal: Optional[str]
    """The signal that ended it, such as SIGSEGV."""
    stdout: str
    """Bytes that are not UTF-8 become U+FFFD."""
    stderr: str
    stdout_truncated: bool
    stderr_truncated: bool
    result: Any
    """What main returned, as JSON; of a cell, the value of its last expression as a MimeBundle; null: nothing."""
    displays: List[MimeBundle]
    """What a cell displayed, in order, beside its value."""
    error: Optional[RunError]
    files: List[StoredFile]
    """Files that the program made or changed."""
    files_left_out: List[FileLeftOut]
    """Files that are not among them, and why."""
    usage: Usage
    timings: Timings
    detail: str
    """What happened, in a sentence or two for a person."""


@dataclass(frozen=True)
class TemplateLibrary:
    name: str
    version: Optional[str]


@dataclass(frozen=True)
class TemplateLimits:
    wall_ms: int
    """Wall time in milliseconds."""
    cpu_ms: int
    """Processor time in milliseconds, of all processes of the run together."""
    memory_mb: int
    """Memory in MiB, beyond what the idle executor holds."""
    output_bytes: int
    """Of each of stdout and stderr, in bytes."""
    processes: int
    """Processes and threads together, with those of the runner of the language."""


@dataclass(frozen=True)
class Template:
    name: str
    languages: List[str]
    """Names that a run may say as language."""
    version: Optional[str]
    """Of the language; null: not known."""
    modes: List[str]
    libraries: List[TemplateLibrary]
    preloaded: List[str]
    """Modules that are loaded before a program comes that names them: importing them takes no time."""
    network: Literal["none", "egress"]
    limits: TemplateLimits


@dataclass(frozen=True)
class Templates:
    templates: List[Template]


@dataclass(frozen=True)
class Timings:
    """Where the time went: waiting for an executor, running, making the outcome."""

    queue_ms: float
    execute_ms: float
    collect_ms: float


@dataclass(frozen=True)
class Usage:
    wall_ms: float
    cpu_ms: float
    peak_memory_bytes: int


BatchResult = Union[Outcome, BatchResultProblem]

EventDone = Outcome

EventError = Problem

MimeBundle = Dict[str, Any]

SignedUrlRequest = Union[SignedUrlRequest, SignedUrlRequest]
