/*
 * Many threads change, subscribe and leave at once. A subscriber hears one call at a time, and every prepare that
 * it accepts is followed by exactly one commit or cancel. Given how many changes each thread makes.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include <pthread.h>
#include <signal.h>

#include "script.h"

#define THREADS 4
#define REGIONS 16

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void lock_mutex(void *context)
{
	pthread_mutex_lock((pthread_mutex_t *)context);
}

static void unlock_mutex(void *context)
{
	pthread_mutex_unlock((pthread_mutex_t *)context);
}

static uintptr_t this_thread(void *context)
{
	static __thread char here;

	(void)context;
	return (uintptr_t)&here;
}

static const struct inspect_lock lock = { lock_mutex, unlock_mutex, this_thread, &mutex };
static struct inspect_notifier notifier = { &lock, 0, 0, NULL, NULL, { 0 } };

/* Which regions there are, as the action has it; and as a subscriber has heard. Guarded by the notifier. */
struct view {
	bool there[REGIONS];
	bool is_pending;
	uint64_t calls;
};

static struct view truth;
static uint64_t interrupted;

static const char *prepare(struct inspect_subscriber *subscriber, const struct inspect_change *change)
{
	struct view *view = (struct view *)subscriber->context;
	const uint32_t region = *(const uint32_t *)change->region;

	CHECK(!view->is_pending && view->there[region] == (change->kind == INSPECT_CHANGE_REMOVE));
	if (++view->calls % 7 == 0)
		return "every seventh";
	if (view->calls % 11 == 0)
		raise(SIGUSR1);
	view->is_pending = true;
	return NULL;
}

static void commit(struct inspect_subscriber *subscriber, const struct inspect_change *change)
{
	struct view *view = (struct view *)subscriber->context;
	const uint32_t region = *(const uint32_t *)change->region;

	/* A replay comes before the subscriber is added, and was not prepared. */
	CHECK(view->is_pending == (subscriber->notifier != NULL));
	view->is_pending = false;
	view->there[region] = change->kind == INSPECT_CHANGE_ADD;
}

static void cancel(struct inspect_subscriber *subscriber, const struct inspect_change *change)
{
	struct view *view = (struct view *)subscriber->context;

	(void)change;
	CHECK(view->is_pending);
	view->is_pending = false;
}

/* A handler that interrupts a callback is refused, and does not wait for itself. */
static void interrupt(int signal)
{
	static const uint32_t region = 0;
	static const struct inspect_change change = { INSPECT_CHANGE_ADD, &region, NULL };

	(void)signal;
	CHECK(inspect_notify(&notifier, &change, NULL, NULL, NULL) == INSPECT_E_REENTRANT);
	__atomic_fetch_add(&interrupted, 1, __ATOMIC_RELAXED);
}

/* Nobody may decide what to change before the notifier is locked: the change is looked up when it is told. */
struct wish {
	struct inspect_change change;
	uint32_t region;
	uint64_t chance;
};

static int act(void *context)
{
	const struct wish *wish = (const struct wish *)context;

	truth.there[wish->region] = wish->change.kind == INSPECT_CHANGE_ADD;
	return 0;
}

/* Comes first of all, and makes of a wish what is possible now. */
static const char *decide(struct inspect_subscriber *subscriber, const struct inspect_change *change)
{
	struct inspect_change *open = (struct inspect_change *)(uintptr_t)change;

	(void)subscriber;
	open->kind = truth.there[*(const uint32_t *)change->region] ? INSPECT_CHANGE_REMOVE : INSPECT_CHANGE_ADD;
	return NULL;
}

static void nothing(struct inspect_subscriber *subscriber, const struct inspect_change *change)
{
	(void)subscriber;
	(void)change;
}

static const void *present(void *context)
{
	static const uint32_t regions[REGIONS] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };
	uint32_t *next = (uint32_t *)context;

	while (*next < REGIONS) {
		if (truth.there[(*next)++])
			return &regions[*next - 1];
	}
	return NULL;
}

static uint64_t changes;

static void *work(void *argument)
{
	struct inspect_subscriber own;
	struct view view;
	struct wish wish;
	uint64_t i;

	memset(&own, 0, sizeof(own));
	memset(&view, 0, sizeof(view));
	own.name = "own";
	own.prepare = prepare;
	own.commit = commit;
	own.cancel = cancel;
	own.context = &view;
	wish.chance = (uintptr_t)argument;
	for (i = 0; i < changes; i++) {
		uint32_t next = 0;
		int result;

		if (i % 5 == 0) {
			memset(view.there, 0, sizeof(view.there));
			CHECK(inspect_subscribe_with_replay(&notifier, &own, present, &next) == INSPECT_OK);
			CHECK(inspect_subscribe(&notifier, &own) == INSPECT_E_SUBSCRIBER);
		}
		wish.chance = wish.chance * 0x5851f42d4c957f2dull + 1;
		wish.region = (uint32_t)(wish.chance >> 40) % REGIONS;
		wish.change.kind = INSPECT_CHANGE_ADD;
		wish.change.region = &wish.region;
		wish.change.before = NULL;
		result = inspect_notify(&notifier, &wish.change, act, &wish, NULL);
		CHECK(result == INSPECT_OK || result == INSPECT_E_VETO);
		if (i % 5 == 4) {
			CHECK(inspect_unsubscribe(&notifier, &own) == INSPECT_OK);
			CHECK(!view.is_pending);
			CHECK(inspect_unsubscribe(&notifier, &own) == INSPECT_E_SUBSCRIBER);
		}
	}
	return NULL;
}

/* Each call comes from another thread, as far as the notifier knows. */
static uintptr_t next_thread(void *context)
{
	return ++*(uintptr_t *)context;
}

static void no_lock(void *context)
{
	(void)context;
}

static const char *go_deeper(struct inspect_subscriber *subscriber, const struct inspect_change *change)
{
	const int result = inspect_notify(subscriber->notifier, change, NULL, NULL, NULL);

	CHECK(result == INSPECT_OK || result == INSPECT_E_CROWDED);
	if (result == INSPECT_E_CROWDED)
		++*(int *)subscriber->context;
	return NULL;
}

/* One more than there are places for is refused, and all places are free again afterwards. */
static void crowd(void)
{
	static const uint32_t region = 0;
	static const struct inspect_change change = { INSPECT_CHANGE_ADD, &region, NULL };
	struct inspect_subscriber deep;
	struct inspect_notifier crowded;
	struct inspect_lock open;
	uintptr_t threads = 0;
	int refused = 0;
	int i;

	memset(&open, 0, sizeof(open));
	memset(&deep, 0, sizeof(deep));
	memset(&crowded, 0, sizeof(crowded));
	open.lock = no_lock;
	open.unlock = no_lock;
	open.thread = next_thread;
	open.context = &threads;
	crowded.lock = &open;
	deep.prepare = go_deeper;
	deep.commit = nothing;
	deep.cancel = nothing;
	deep.context = &refused;
	CHECK(inspect_subscribe(&crowded, &deep) == INSPECT_OK);
	CHECK(inspect_notify(&crowded, &change, NULL, NULL, NULL) == INSPECT_OK);
	CHECK(refused == 1 && inspect_notifier_epoch(&crowded) == INSPECT_NOTIFIER_THREADS);
	for (i = 0; i < INSPECT_NOTIFIER_THREADS; i++)
		CHECK(crowded.threads[i] == 0);
}

int main(int count, char **arguments)
{
	struct inspect_subscriber first;
	pthread_t threads[THREADS];
	uintptr_t i;

	changes = count > 1 ? strtoull(arguments[1], NULL, 0) : 1000;
	crowd();
	memset(&first, 0, sizeof(first));
	first.name = "first";
	first.priority = 1;
	first.prepare = decide;
	first.commit = nothing;
	first.cancel = nothing;
	CHECK(inspect_subscribe(&notifier, &first) == INSPECT_OK);
	CHECK(signal(SIGUSR1, interrupt) != SIG_ERR);
	for (i = 0; i < THREADS; i++)
		CHECK(pthread_create(&threads[i], NULL, work, (void *)(i + 1)) == 0);
	for (i = 0; i < THREADS; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
	CHECK(inspect_unsubscribe(&notifier, &first) == INSPECT_OK);
	CHECK(notifier.first == NULL && notifier.last == NULL && interrupted > 0);
	CHECK(inspect_notifier_epoch(&notifier) < THREADS * changes);
	printf("%" PRIuPTR " changes, %" PRIu64 " interrupted\n", inspect_notifier_epoch(&notifier), interrupted);
	return 0;
}
