/*
 * sudo in a session's sandbox whose template has root. Sandboxes do not honour the setuid bit, so a program of
 * root's does what others ask for.
 *
 *   sudo --serve PROGRAM HOME    as pid 1, by root: starts the server, makes HOME for the user, becomes
 *                                PROGRAM HOME
 *   sudo [options] COMMAND       has the server run the command as root with the caller's descriptors 0, 1, 2
 *
 * A client connects to SOCKET and sends one frame: struct head, its three descriptors (SCM_RIGHTS), and strings
 * that each end with NUL: the folder, the arguments, the variables. After that each byte from it is a signal for
 * the command's group. The answer is an int: the status of waitpid(2). Whoever can connect may be root: that is
 * the template's choice, and the sandbox is the boundary.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { USER = 1000, MAX_BYTES = 4 * 1024 * 1024, MAX_STRINGS = 65536 };
static const char SOCKET[] = "/run/sudo.socket";
static const char PATHS[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

struct head {
    uint32_t bytes, arguments, variables, uid;
};

static void fail(const char *what) {
    fprintf(stderr, "sudo: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int read_all(int fd, void *to, size_t length) {
    for (size_t done = 0; done < length;) {
        ssize_t n = read(fd, (char *)to + done, length - done);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return -1;
        done += (size_t)n;
    }
    return 0;
}

static int write_all(int fd, const void *from, size_t length) {
    for (size_t done = 0; done < length;) {
        ssize_t n = write(fd, (const char *)from + done, length - done);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return -1;
        done += (size_t)n;
    }
    return 0;
}

static struct sockaddr_un address(void) {
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    strcpy(to.sun_path, SOCKET);
    return to;
}

/* ---- the server ---- */

/* Takes the head with the descriptors. */
static int take_head(int client, struct head *head, int fds[3]) {
    char control[CMSG_SPACE(3 * sizeof(int))];
    struct iovec part = {head, sizeof *head};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    if (recvmsg(client, &message, MSG_CMSG_CLOEXEC) != (ssize_t)sizeof *head) return -1;
    struct cmsghdr *first = CMSG_FIRSTHDR(&message);
    if (!first || first->cmsg_type != SCM_RIGHTS || first->cmsg_len != CMSG_LEN(3 * sizeof(int))) return -1;
    memcpy(fds, CMSG_DATA(first), 3 * sizeof(int));
    return head->bytes > 0 && head->bytes <= MAX_BYTES && head->arguments > 0 &&
                   head->arguments <= MAX_STRINGS && head->variables <= MAX_STRINGS
               ? 0
               : -1;
}

/* In a process of its own: runs the command of one client, and tells how it ended. */
static void serve_client(int client) {
    struct head head;
    int fds[3];
    if (take_head(client, &head, fds)) _exit(1);
    char *bytes = malloc(head.bytes);
    const size_t count = (size_t)head.arguments + head.variables;
    char **all = calloc(count + 2, sizeof *all);
    if (!bytes || !all || read_all(client, bytes, head.bytes) || bytes[head.bytes - 1]) _exit(1);
    char *next = bytes, *end = bytes + head.bytes;
    const char *folder = next;
    next += strlen(next) + 1;
    char **variables = all + head.arguments + 1;
    for (size_t i = 0; i < count && next < end; i++) {
        *(i < head.arguments ? all + i : variables + (i - head.arguments)) = next;
        next += strlen(next) + 1;
    }
    if (!all[0]) _exit(1);
    const pid_t pid = fork();
    if (pid < 0) _exit(1);
    if (pid == 0) {
        setpgid(0, 0);
        for (int fd = 0; fd < 3; fd++)
            if (dup2(fds[fd], fd) < 0) _exit(126);
        if (setgroups(0, NULL) || setgid(head.uid) || setuid(head.uid)) _exit(126);
        if (chdir(folder) && chdir("/")) _exit(126);
        signal(SIGPIPE, SIG_DFL);
        signal(SIGCHLD, SIG_DFL);
        environ = variables;
        execvp(all[0], all);
        fprintf(stderr, "sudo: %s: %s\n", all[0], errno == ENOENT ? "command not found" : strerror(errno));
        _exit(errno == ENOENT ? 127 : 126);
    }
    for (int fd = 0; fd < 3; fd++) close(fds[fd]);
    // The client's bytes are signals; its end ends the command. A child waits for the command meanwhile.
    const pid_t relay = fork();
    if (relay == 0) {
        uint8_t number;
        while (read_all(client, &number, 1) == 0) kill(-pid, number);
        kill(-pid, SIGHUP);
        _exit(0);
    }
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
    if (relay > 0) kill(relay, SIGKILL);
    write_all(client, &status, sizeof status);
    _exit(0);
}

static void serve(int listener) {
    signal(SIGCHLD, SIG_IGN);
    for (;;) {
        const int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (client < 0) {
            if (errno != EINTR) usleep(10000);
            continue;
        }
        if (fork() == 0) {
            signal(SIGCHLD, SIG_DFL);
            close(listener);
            serve_client(client);
        }
        close(client);
    }
}

static int become_supervisor(char **arguments) {
    mkdir("/run", 0755);
    const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const struct sockaddr_un at = address();
    if (listener < 0 || bind(listener, (const struct sockaddr *)&at, sizeof at) || chmod(SOCKET, 0666) ||
        listen(listener, 16))
        fail(SOCKET);
    const pid_t pid = fork();
    if (pid < 0) fail("fork");
    if (pid == 0) {
        setsid();
        const int nothing = open("/dev/null", O_RDWR);
        for (int fd = 0; nothing >= 0 && fd < 3; fd++) dup2(nothing, fd);
        serve(listener);
    }
    close(listener);
    if ((mkdir(arguments[1], 0755) && errno != EEXIST) || chown(arguments[1], USER, USER)) fail(arguments[1]);
    execv(arguments[0], arguments);
    fail(arguments[0]);
    return 1;
}

/* ---- the client ---- */

static int server = -1;

static void pass_on(int number) {
    const uint8_t byte = (uint8_t)number;
    if (write(server, &byte, 1) < 0) return;
}

static char *joined;
static size_t joined_length;

static void add(const char *string) {
    const size_t length = strlen(string) + 1;
    if (joined_length + length > MAX_BYTES) {
        errno = E2BIG;
        fail("arguments");
    }
    memcpy(joined + joined_length, string, length);
    joined_length += length;
}

static int usage(void) {
    fputs("usage: sudo [-EHnS] [-u USER] [-i | -s] [NAME=value ...] [COMMAND [ARGUMENT ...]]\n", stderr);
    return 1;
}

static int is_assignment(const char *word) {
    const char *equals = strchr(word, '=');
    return equals && equals != word && !memchr(word, '/', (size_t)(equals - word));
}

static void send_head(const struct head *head) {
    char control[CMSG_SPACE(3 * sizeof(int))] = {0};
    struct iovec part = {(void *)head, sizeof *head};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr *first = CMSG_FIRSTHDR(&message);
    first->cmsg_level = SOL_SOCKET;
    first->cmsg_type = SCM_RIGHTS;
    first->cmsg_len = CMSG_LEN(3 * sizeof(int));
    const int fds[3] = {0, 1, 2};
    memcpy(CMSG_DATA(first), fds, sizeof fds);
    if (sendmsg(server, &message, MSG_NOSIGNAL) != (ssize_t)sizeof *head) fail("the server");
}

static int ask(int argc, char **argv) {
    int option, wants_shell = 0, is_login = 0;
    const char *user = "root";
    while ((option = getopt(argc, argv, "+EHnSkvisu:")) != -1) {
        if (option == '?') return usage();
        if (option == 'u') user = optarg;
        if (option == 'i' || option == 's') wants_shell = 1;
        if (option == 'i') is_login = 1;
        if (option == 'k' || option == 'v') return 0;
    }
    if (strcmp(user, "root") && strcmp(user, "user")) {
        fprintf(stderr, "sudo: unknown user: %s\n", user);
        return 1;
    }
    const int is_root = strcmp(user, "root") == 0;
    joined = malloc(MAX_BYTES);
    if (!joined) fail("memory");
    char *folder = is_login ? strdup(is_root ? "/root" : "/home/user") : getcwd(NULL, 0);
    add(folder ? folder : "/");
    const int first = optind;
    while (optind < argc && is_assignment(argv[optind])) optind++;
    const int command = optind;
    struct head head = {.uid = is_root ? 0 : USER};
    if (wants_shell) {
        add("bash");
        head.arguments = 1;
        if (is_login) add("-l"), head.arguments++;
        if (command < argc) {
            add("-c"), add("\"$@\""), add("bash");
            head.arguments += 3;
        }
    }
    for (int i = command; i < argc; i++) add(argv[i]), head.arguments++;
    if (head.arguments == 0) return usage();
    static const char *const REPLACED[] = {"HOME=", "USER=", "LOGNAME=", "PATH=", "SUDO_USER=", NULL};
    for (char **one = environ; *one; one++) {
        int is_replaced = 0;
        for (const char *const *name = REPLACED; *name; name++)
            if (strncmp(*one, *name, strlen(*name)) == 0) is_replaced = 1;
        if (!is_replaced) add(*one), head.variables++;
    }
    add(is_root ? "HOME=/root" : "HOME=/home/user"), add(is_root ? "USER=root" : "USER=user");
    add(is_root ? "LOGNAME=root" : "LOGNAME=user"), add(PATHS), add("SUDO_USER=user");
    head.variables += 5;
    for (int i = first; i < command; i++) add(argv[i]), head.variables++;
    head.bytes = (uint32_t)joined_length;
    server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const struct sockaddr_un at = address();
    if (server < 0 || connect(server, (const struct sockaddr *)&at, sizeof at)) fail("this sandbox has no root");
    signal(SIGPIPE, SIG_IGN);
    send_head(&head);
    if (write_all(server, joined, joined_length)) fail("the server");
    static const int PASSED[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH, SIGUSR1, SIGUSR2};
    for (size_t i = 0; i < sizeof PASSED / sizeof *PASSED; i++) signal(PASSED[i], pass_on);
    int status;
    if (read_all(server, &status, sizeof status)) fail("the server");
    if (WIFSIGNALED(status)) return 128 + WTERMSIG(status);
    return WEXITSTATUS(status);
}

int main(int argc, char **argv) {
    if (argc == 4 && strcmp(argv[1], "--serve") == 0) return become_supervisor(argv + 2);
    return ask(argc, argv);
}
