/*
 * The protocol of a session's supervisor, and what its files use of each other.
 *
 * Frames (both ways, on stdin and stdout): u32 payload length, u8 type, payload; little-endian. Each payload
 * but those of PAUSE, RESUME and PAUSED begins with the channel's u32 number.
 * The other side of this protocol is src/supervisor/channels.ts; change both together.
 *
 *   to the supervisor     START    struct start, then strings that each end with NUL: the working directory,
 *                                  the arguments, the variables (NAME=value)
 *                         CONNECT  u16 port of 127.0.0.1, or of ::1 where nobody listens there
 *                         WRITE    u8 stream, bytes for it
 *                         CLOSE    u8 stream: an input gets no more bytes, an output is read no more
 *                         SIGNAL   u8 signal, for the process and its group
 *                         RESIZE   u16 columns, u16 rows of its terminal
 *                         CREDIT   u8 stream, u32 bytes that the manager takes beyond those before
 *                         RELEASE  end what the channel has: its group is killed, its streams are closed
 *                         PAUSE    say nothing more, after PAUSED, until RESUME
 *   from the supervisor   STARTED  u32 pid; 0 for a connection
 *                         FAILED   u32 errno: the channel does not exist
 *                         OUTPUT   u8 stream, bytes
 *                         ENDED    u8 stream: it gives no more bytes
 *                         TAKEN    u8 stream, u32 bytes that it has written on: as many more may be sent
 *                         EXITED   u8 exit code, u8 signal that ended the process, or 0; after what it wrote
 *                         PAUSED
 *
 * Streams: 0 standard input, 1 standard output, 2 standard error, 3 control (a pipe each way, descriptors
 * INPUT_FD and CONTROL_FD of the process). A terminal and a connection have 0 and 1 alone.
 *
 * Each stream has a window: what was sent and is not yet taken is at most WINDOW_BYTES. A process that does not
 * read, or a manager that does not, holds up its own channel and no other.
 *
 * What a process printed before it said something by its control pipe is told before that.
 */
#ifndef SESSION_H
#define SESSION_H

#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum frame_type {
    START = 1,
    CONNECT = 2,
    WRITE = 3,
    CLOSE = 4,
    SIGNAL = 5,
    RESIZE = 6,
    CREDIT = 7,
    RELEASE = 8,
    PAUSE = 9,
    RESUME = 10,
    STARTED = 32,
    FAILED = 33,
    OUTPUT = 34,
    ENDED = 35,
    TAKEN = 36,
    EXITED = 37,
    PAUSED = 38,
};

enum { STDIN, STDOUT, STDERR, CONTROL, STREAMS };
enum { MAX_CHANNELS = 256, WINDOW_BYTES = 256 * 1024, CHUNK_BYTES = 32 * 1024 };

/* What goes to a descriptor, and waits for it. */
struct sink {
    int fd; /* -1: closed */
    int closes; /* after what waits */
    uint8_t *bytes;
    size_t start, length;
};

/* What comes from a descriptor. */
struct source {
    int fd; /* -1: closed */
    uint32_t credit;
    size_t owed; /* once the process has ended: what it may have written and is not sent */
    size_t ahead; /* of an output: what goes before that which waits in the control pipe; of control: that */
};

struct channel {
    uint32_t number; /* 0: free */
    pid_t pid;       /* 0: none, or it has ended */
    pid_t group;     /* kept after the end of the process: others may be in it */
    int is_terminal, is_connecting; /* is_connecting: the family of addresses */
    uint16_t port;
    int control_waits; /* for what is ahead of it */
    int has_ended; /* EXITED is not said yet */
    uint8_t end[2];
    struct sink sinks[STREAMS];
    struct source sources[STREAMS];
};

/* ---- session.c ---- */

/* The signals that a process of the session may get, as they were at the start. */
extern sigset_t open_mask;

/* ---- session-frames.c ---- */

/* Prints a line to stderr and ends the process, and with it the sandbox. */
_Noreturn void die(const char *format, ...);
/* Says a frame about a channel. It goes out with the next flush_output(), if not before. */
void say(enum frame_type type, uint32_t number, const void *head, size_t head_length, const void *body,
         size_t body_length);
/* Say FAILED, ENDED and TAKEN. */
void say_failed(uint32_t number, int error);
void say_ended(uint32_t number, int stream);
void say_taken(uint32_t number, int stream, size_t bytes);
/* Writes out the frames that wait. */
void flush_output(void);
/* Writes them out, unless they all tell of little that was taken: each write wakes the manager. */
void flush_if_awaited(void);

/* ---- session-channels.c ---- */

extern struct channel channels[MAX_CHANNELS];
extern size_t channel_count; /* one above the last that is in use */

/* Returns the channel of this number; NULL when there is none. */
struct channel *channel_of(uint32_t number);
/* Returns a channel without anything; NULL when all are in use. */
struct channel *new_channel(uint32_t number);
/* Frees a channel whose process has ended and whose outputs are all closed. */
void forget_if_over(struct channel *channel);
/* Reads no more of an output, and says so. */
void close_source(struct channel *channel, int stream);
/* Writes what waits, as much as the descriptor takes now. */
void drain(struct channel *channel, int stream);
/* Takes bytes for an input. */
void take_write(struct channel *channel, int stream, const uint8_t *bytes, size_t length);
/* Passes on what can be read, a chunk at most: others have their turn then. */
void relay(struct channel *channel, int stream);
/* Passes on what came by the control pipe, once what was printed before it is passed on. */
void relay_control(struct channel *channel);
/* Kills the group of a channel and closes its streams. */
void release(struct channel *channel);

/* ---- session-processes.c ---- */

/* Does what a START frame says. */
void take_start(uint32_t number, uint8_t *bytes, size_t length);
/* Gives the terminal of a channel another size, and tells those at it. */
void resize(const struct channel *channel, uint16_t columns, uint16_t rows);

/* ---- session-connections.c ---- */

/* Does what a CONNECT frame says. */
void take_connect(uint32_t number, uint16_t port);
/* Says how a connection that was begun has ended: STARTED or FAILED. */
void finish_connect(struct channel *channel);

#endif
