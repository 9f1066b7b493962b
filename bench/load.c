/* A load generator for one HTTP/1.1 server: prebuilt requests in, one line of JSON out.
 *
 * Rules: one thread, non-blocking sockets, epoll. Each request of the file is sent once, in order; a run ends
 * when the file or the time is used up. Closed loop: each client sends its next request when the answer is
 * there. Open loop (a rate is given): requests are due at fixed instants, whether clients are free or not,
 * and their latency counts from the instant at which they were due, so a server that stalls cannot hide it.
 * An answer counts by its status; a connection that breaks before the answer counts as "broken".
 *
 * usage: load PORT FILE CLIENTS SECONDS keep|close [REQUESTS_PER_SECOND]
 * The file holds requests one after another, each a length (32 bits, little-endian) and that many bytes.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S 1000000000LL
#define CLIENTS_MAX 4096
#define ANSWER_BYTES_MAX 16384
#define STATUS_MAX 600
#define EVENTS_MAX 256

typedef struct {
    int fd; /* -1: not connected */
    bool busy;
    const char* request;
    uint32_t request_bytes;
    uint32_t sent_bytes;
    uint32_t got_bytes;
    int64_t due_ns;
    char answer[ANSWER_BYTES_MAX];
} Client;

static Client clients[CLIENTS_MAX];
static int free_clients[CLIENTS_MAX];
static int free_count;
static int epoll_fd;
static struct sockaddr_in server;
static bool keep_alive;

static const char* next_byte;
static const char* end_byte;

static int64_t* latencies_ns;
static size_t answered, latency_count_max;
static uint64_t statuses[STATUS_MAX];
static uint64_t broken, malformed;

static int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * NS_PER_S + now.tv_nsec;
}

static void die(const char* what) {
    perror(what);
    exit(1);
}

static void load_requests(const char* path) {
    int fd = open(path, O_RDONLY);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) != 0)
        die(path);
    next_byte = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
    if (next_byte == MAP_FAILED)
        die(path);
    end_byte = next_byte + status.st_size;
    close(fd);
    for (const char* at = next_byte; at < end_byte; latency_count_max++) {
        uint32_t bytes;
        memcpy(&bytes, at, sizeof bytes);
        at += sizeof bytes + bytes;
    }
    latencies_ns = malloc(latency_count_max * sizeof *latencies_ns);
}

static void open_connection(Client* client) {
    int one = 1;
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (client->fd < 0)
        die("socket");
    setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(client->fd, (struct sockaddr*)&server, sizeof server) != 0 && errno != EINPROGRESS)
        die("connect");
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = client};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, client->fd, &event) != 0)
        die("epoll_ctl");
}

static void close_connection(Client* client) {
    /* a reset instead of TIME_WAIT: a run of many connections must not use up the ports */
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    close(client->fd);
    client->fd = -1;
}

static void go_on_sending(Client* client) {
    while (client->sent_bytes < client->request_bytes) {
        ssize_t bytes = send(client->fd, client->request + client->sent_bytes,
                             client->request_bytes - client->sent_bytes, MSG_NOSIGNAL);
        if (bytes < 0)
            return; /* EAGAIN, ENOTCONN: an event follows; an error: reading finds it */
        client->sent_bytes += (uint32_t)bytes;
    }
}

/* Give a client the next request. Returns false when there is none. */
static bool begin_request(Client* client, int64_t due_ns) {
    if (next_byte >= end_byte)
        return false;
    memcpy(&client->request_bytes, next_byte, sizeof client->request_bytes);
    client->request = next_byte + sizeof client->request_bytes;
    next_byte = client->request + client->request_bytes;
    client->sent_bytes = client->got_bytes = 0;
    client->due_ns = due_ns;
    client->busy = true;
    if (client->fd < 0)
        open_connection(client);
    go_on_sending(client);
    return true;
}

static void end_request(Client* client) {
    client->busy = false;
    free_clients[free_count++] = (int)(client - clients);
}

/* Return the length of the whole answer, or 0 while its head is not complete. */
static size_t answer_length(const Client* client) {
    const char* end = memmem(client->answer, client->got_bytes, "\r\n\r\n", 4);
    if (end == NULL)
        return 0;
    size_t head_bytes = (size_t)(end - client->answer) + 4;
    for (const char* line = client->answer; line < end; line = strstr(line, "\r\n") + 2) {
        if (strncasecmp(line, "content-length:", 15) == 0)
            return head_bytes + strtoul(line + 15, NULL, 10);
    }
    return head_bytes;
}

static void take_answer(Client* client) {
    int status = client->got_bytes > 12 ? atoi(client->answer + 9) : 0;
    if (status > 0 && status < STATUS_MAX) {
        statuses[status]++;
    } else {
        malformed++;
    }
    latencies_ns[answered++] = now_ns() - client->due_ns;
    if (!keep_alive)
        close_connection(client);
    end_request(client);
}

static void read_answer(Client* client) {
    while (client->fd >= 0) {
        ssize_t bytes =
            recv(client->fd, client->answer + client->got_bytes, ANSWER_BYTES_MAX - 1 - client->got_bytes, 0);
        if (bytes < 0 && (errno == EAGAIN || errno == ENOTCONN))
            return;
        if (bytes <= 0) {
            close_connection(client);
            if (client->busy) {
                broken++;
                end_request(client);
            }
            return;
        }
        client->got_bytes += (uint32_t)bytes;
        client->answer[client->got_bytes] = '\0';
        size_t length = answer_length(client);
        if (client->busy && length != 0 && client->got_bytes >= length)
            take_answer(client);
    }
}

static void serve_events(int timeout_ms) {
    struct epoll_event events[EVENTS_MAX];
    int count = epoll_wait(epoll_fd, events, EVENTS_MAX, timeout_ms);
    for (int i = 0; i < count; i++) {
        Client* client = events[i].data.ptr;
        if (client->fd >= 0 && (events[i].events & EPOLLOUT) && client->busy)
            go_on_sending(client);
        if (client->fd >= 0 && (events[i].events & ~(uint32_t)EPOLLOUT))
            read_answer(client);
    }
}

static void run_closed_loop(int64_t end_ns) {
    while (now_ns() < end_ns) {
        while (free_count > 0) {
            if (!begin_request(&clients[free_clients[--free_count]], now_ns())) {
                free_count++;
                return;
            }
        }
        serve_events(100);
    }
}

static void run_open_loop(int64_t start_ns, int64_t end_ns, double rate) {
    for (uint64_t number = 0;;) {
        int64_t now = now_ns();
        if (now >= end_ns)
            return;
        int64_t due_ns = start_ns + (int64_t)((double)number * 1e9 / rate);
        if (due_ns <= now && free_count > 0) {
            if (!begin_request(&clients[free_clients[--free_count]], due_ns)) {
                free_count++;
                return;
            }
            number++;
        } else {
            serve_events(due_ns <= now ? 1 : 0);
        }
    }
}

static int by_value(const void* left, const void* right) {
    int64_t a = *(const int64_t*)left, b = *(const int64_t*)right;
    return (a > b) - (a < b);
}

static double percentile_ms(double share) {
    if (answered == 0)
        return 0;
    size_t place = (size_t)(share * (double)answered);
    return (double)latencies_ns[place < answered ? place : answered - 1] / 1e6;
}

static void report(double seconds, size_t in_time, int count) {
    qsort(latencies_ns, answered, sizeof *latencies_ns, by_value);
    int waiting = count - free_count;
    printf("{\"answered\":%zu,\"per_s\":%.1f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"max_ms\":%.3f", answered,
           (double)in_time / seconds, percentile_ms(0.5), percentile_ms(0.99), percentile_ms(1.0));
    printf(",\"broken\":%llu,\"malformed\":%llu,\"unanswered\":%d,\"statuses\":{", (unsigned long long)broken,
           (unsigned long long)malformed, waiting);
    const char* comma = "";
    for (int status = 0; status < STATUS_MAX; status++) {
        if (statuses[status] == 0)
            continue;
        printf("%s\"%d\":%llu", comma, status, (unsigned long long)statuses[status]);
        comma = ",";
    }
    printf("}}\n");
}

int main(int argc, char** argv) {
    if (argc < 6 || argc > 7) {
        fprintf(stderr, "usage: load PORT FILE CLIENTS SECONDS keep|close [REQUESTS_PER_SECOND]\n");
        return 2;
    }
    server.sin_family = AF_INET;
    server.sin_port = htons((uint16_t)atoi(argv[1]));
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int count = atoi(argv[3]);
    double seconds = atof(argv[4]), rate = argc == 7 ? atof(argv[6]) : 0;
    keep_alive = strcmp(argv[5], "keep") == 0;
    if (count < 1 || count > CLIENTS_MAX || seconds <= 0)
        return 2;
    load_requests(argv[2]);
    epoll_fd = epoll_create1(0);
    for (int i = 0; i < count; i++) {
        clients[i].fd = -1;
        free_clients[free_count++] = i;
    }
    int64_t start_ns = now_ns(), end_ns = start_ns + (int64_t)(seconds * 1e9);
    if (rate > 0) {
        run_open_loop(start_ns, end_ns, rate);
    } else {
        run_closed_loop(end_ns);
    }
    double run_s = (double)(now_ns() - start_ns) / 1e9;
    /* what is on its way may still be answered, but counts for nothing in the rate */
    size_t in_time = answered;
    for (int64_t drain_end_ns = now_ns() + NS_PER_S; free_count < count && now_ns() < drain_end_ns;)
        serve_events(10);
    report(run_s, in_time, count);
    return 0;
}
