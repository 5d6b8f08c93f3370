/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mutexes of which clang checks, when it compiles (-Wthread-safety), that they are held where they
 * must be and not where they must not. For other compilers what follows is plain pthreads.
 *
 * The annotations go behind the parameters of a function's declaration, and name its parameters:
 *
 *	void f(struct device *device) LOCK_HELD(device->lock);
 */
#ifndef POSTHORN_LIB_MUTEX_H
#define POSTHORN_LIB_MUTEX_H

#include <pthread.h>
#include <stdbool.h>
#include <time.h>

#ifdef __clang__
#define MUTEX_ATTRIBUTE(attribute) __attribute__((attribute))
#else
#define MUTEX_ATTRIBUTE(attribute)
#endif

/* The caller holds it, before and after. */
#define LOCK_HELD(...) MUTEX_ATTRIBUTE(requires_capability(__VA_ARGS__))
/* The caller does not hold it: the function takes it, or may wait for long. */
#define LOCK_NOT_HELD(...) MUTEX_ATTRIBUTE(locks_excluded(__VA_ARGS__))
/* The caller has it afterwards, or no more. */
#define LOCK_TAKES(...) MUTEX_ATTRIBUTE(acquire_capability(__VA_ARGS__))
#define LOCK_GIVES(...) MUTEX_ATTRIBUTE(release_capability(__VA_ARGS__))
/* The caller has it if the function returned @result. */
#define LOCK_TRIES(result, ...) MUTEX_ATTRIBUTE(try_acquire_capability(result, __VA_ARGS__))
/* It is held, though the analysis cannot see that. */
#define LOCK_IS_HELD(...) MUTEX_ATTRIBUTE(assert_capability(__VA_ARGS__))
#define LOCK_NOT_ANALYSED MUTEX_ATTRIBUTE(no_thread_safety_analysis)

struct MUTEX_ATTRIBUTE(capability("mutex")) mutex {
	pthread_mutex_t posix;
};

static inline void mutex_init(struct mutex *mutex)
{
	pthread_mutex_init(&mutex->posix, NULL);
}

static inline void mutex_destroy(struct mutex *mutex)
{
	pthread_mutex_destroy(&mutex->posix);
}

LOCK_NOT_ANALYSED static inline void mutex_lock(struct mutex *mutex) LOCK_TAKES(mutex)
{
	pthread_mutex_lock(&mutex->posix);
}

LOCK_NOT_ANALYSED static inline void mutex_unlock(struct mutex *mutex) LOCK_GIVES(mutex)
{
	pthread_mutex_unlock(&mutex->posix);
}

/* Returns whether it was free, and now is the caller's. */
LOCK_NOT_ANALYSED static inline bool mutex_try(struct mutex *mutex) LOCK_TRIES(true, mutex)
{
	return pthread_mutex_trylock(&mutex->posix) == 0;
}

/* The same, but waits until the monotonic clock says @until. */
LOCK_NOT_ANALYSED static inline bool mutex_try_until(struct mutex *mutex,
						     const struct timespec *until)
	LOCK_TRIES(true, mutex)
{
	return pthread_mutex_clocklock(&mutex->posix, CLOCK_MONOTONIC, until) == 0;
}

/* For a function that is called by way of a pointer, where the analysis does not follow. */
LOCK_NOT_ANALYSED static inline void mutex_assert_held(struct mutex *mutex) LOCK_IS_HELD(mutex)
{
	(void)mutex;
}

#endif
