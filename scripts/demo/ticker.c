/*
 * A process worth checkpointing: one thread counts, another holds a TCP connection and sends the count over it.
 * It stops with status 1 as soon as the connection breaks or the count jumps, so that a line in its log after a
 * restore proves that threads, memory and connection came back.
 *
 * ticker HOST PORT
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static atomic_long count;

static void *counter(void *unused)
{
	(void)unused;
	for (;;) {
		atomic_fetch_add(&count, 1);
		usleep(20000);
	}
}

static int dial(const char *host, int port)
{
	struct sockaddr_in peer = { .sin_family = AF_INET, .sin_port = htons(port) };
	if (inet_pton(AF_INET, host, &peer.sin_addr) != 1) return -1;
	for (int tries = 0; tries < 250; tries++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);
		if (fd < 0) return -1;
		if (connect(fd, (struct sockaddr *)&peer, sizeof peer) == 0) return fd;
		close(fd);
		usleep(20000);
	}
	return -1;
}

int main(int argc, char **argv)
{
	pthread_t thread;
	char line[64];
	long last = 0;

	if (argc != 3) return 2;
	int fd = dial(argv[1], atoi(argv[2]));
	if (fd < 0) { perror("connect"); return 1; }
	if (pthread_create(&thread, NULL, counter, NULL) != 0) return 1;
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (;;) {
		long now = atomic_load(&count);
		if (now < last) { printf("count went back from %ld to %ld\n", last, now); return 1; }
		last = now;
		int length = snprintf(line, sizeof line, "%ld\n", now);
		if (send(fd, line, length, MSG_NOSIGNAL) != length) { perror("connection broke"); return 1; }
		printf("count %ld\n", now);
		usleep(100000);
	}
}
