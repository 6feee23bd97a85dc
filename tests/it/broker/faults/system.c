/* Preloaded by a test into a process (LD_PRELOAD): a clock that moves, a host name whose address changes, and a fork.
 *
 * The time of day is the system's, moved by the number of nanoseconds in the file OTTLA_TEST_CLOCK. As with a real change of the
 * clock, a wait until a time of day ends when the clock shows it. The name kafka.ottla.test has the address in the
 * file OTTLA_TEST_HOST. Rust's standard library has no fork: if OTTLA_TEST_FORK is set, getppid forks.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#define SECOND INT64_C(1000000000)
#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static volatile const int64_t *moved;

__attribute__((constructor)) static void begin(void) {
        const char *path = getenv("OTTLA_TEST_CLOCK");
        int file         = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
        if (file < 0)
                return;
        void *mapped = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
        close(file);
        if (mapped != MAP_FAILED)
                moved = mapped;
}

static int64_t system_now(void) {
        struct timespec now;
        syscall(SYS_clock_gettime, CLOCK_REALTIME, &now);
        return now.tv_sec * SECOND + now.tv_nsec;
}

static int64_t now(void) { return system_now() + (moved ? *moved : 0); }

static struct timespec timespec_of(int64_t time) {
        return (struct timespec) {.tv_sec = time / SECOND, .tv_nsec = time % SECOND};
}

int clock_gettime(clockid_t clock, struct timespec *time) {
        if (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE)
                return syscall(SYS_clock_gettime, clock, time);
        *time = timespec_of(now());
        return 0;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone) {
        (void)zone;
        *time = (struct timeval) {.tv_sec = now() / SECOND, .tv_usec = now() % SECOND / 1000};
        return 0;
}

int timespec_get(struct timespec *time, int base) {
        *time = timespec_of(now());
        return base;
}

time_t time(time_t *time) {
        time_t seconds = now() / SECOND;
        if (time)
                *time = seconds;
        return seconds;
}

/* The time on the system's clock until which to wait, a tenth of a second at most: then the clock is looked at again. */
static struct timespec a_while_until(const struct timespec *time) {
        int64_t left = time->tv_sec * SECOND + time->tv_nsec - now();
        return timespec_of(system_now() + (left > SECOND / 10 ? SECOND / 10 : left));
}

static int has_passed(const struct timespec *time) { return time->tv_sec * SECOND + time->tv_nsec <= now(); }

int cnd_timedwait(cnd_t *restrict condition, mtx_t *restrict mutex, const struct timespec *restrict time) {
        for (;;) {
                struct timespec until = a_while_until(time);
                int result            = REAL(cnd_timedwait)(condition, mutex, &until);
                if (result != thrd_timedout || has_passed(time))
                        return result;
        }
}

int pthread_cond_timedwait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex, const struct timespec *restrict time) {
        for (;;) {
                struct timespec until = a_while_until(time);
                int result            = REAL(pthread_cond_timedwait)(condition, mutex, &until);
                if (result != ETIMEDOUT || has_passed(time))
                        return result;
        }
}

int getaddrinfo(const char *restrict node, const char *restrict service, const struct addrinfo *restrict hints,
                struct addrinfo **restrict result) {
        char address[64] = "";
        const char *path = getenv("OTTLA_TEST_HOST");
        if (path && node && strcmp(node, "kafka.ottla.test") == 0) {
                FILE *file = fopen(path, "re");
                if (!file || fscanf(file, "%63s", address) != 1)
                        address[0] = 0;
                if (file)
                        fclose(file);
                if (!address[0])
                        return EAI_AGAIN;
                node = address;
        }
        return REAL(getaddrinfo)(node, service, hints, result);
}

pid_t getppid(void) { return getenv("OTTLA_TEST_FORK") ? fork() : (pid_t)syscall(SYS_getppid); }
