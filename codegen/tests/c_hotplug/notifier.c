/* Does with a notifier what a script says, and tells what everybody heard. */
#include "script.h"

#define NODES 8

/* A subscriber for tests: it tells what it hears, and refuses what the script says. */
struct node {
	/* Native, or ported from Linux. */
	struct inspect_subscriber native;
	struct inspect_ported ported;
	char name[2];
};

struct notifier_block {
	struct node *node;
};

static struct inspect_notifier notifier;
static struct node nodes[NODES];
static struct notifier_block blocks[NODES];
/* A bit for each node that refuses, and the one that calls the notifier out of its callbacks; NODES is nobody. */
static uint64_t vetoes, reentrant = NODES;

static void call_again(const struct node *node)
{
	static const struct inspect_change change = { INSPECT_CHANGE_ADD, &reentrant, NULL };
	struct inspect_subscriber stranger;

	if (reentrant >= NODES || node != &nodes[reentrant])
		return;
	printf(" again %d", inspect_notify(&notifier, &change, NULL, NULL, NULL));
	memset(&stranger, 0, sizeof(stranger));
	CHECK(inspect_subscribe(&notifier, &stranger) == INSPECT_E_REENTRANT);
	CHECK(inspect_unsubscribe(&notifier, &stranger) == INSPECT_E_REENTRANT);
}

static bool is_refused(const struct node *node)
{
	return (vetoes >> (node - nodes) & 1) != 0;
}

static void hear(struct inspect_subscriber *subscriber, const char *phase, const struct inspect_change *change)
{
	const struct node *node = (const struct node *)subscriber->context;

	printf(" %s:%s:%" PRIu32 ":%" PRIu64, node->name, phase, change->kind, *(const uint64_t *)change->region);
	if (change->before != NULL)
		printf(":%" PRIu64, *(const uint64_t *)change->before);
	printf("@%" PRIuPTR, inspect_notifier_epoch(&notifier));
	call_again(node);
}

static const char *prepare(struct inspect_subscriber *subscriber, const struct inspect_change *change)
{
	hear(subscriber, "prepare", change);
	return is_refused((const struct node *)subscriber->context) ? "it is in the script" : NULL;
}

static void commit(struct inspect_subscriber *subscriber, const struct inspect_change *change)
{
	hear(subscriber, "commit", change);
}

static void cancel(struct inspect_subscriber *subscriber, const struct inspect_change *change)
{
	hear(subscriber, "cancel", change);
}

static int from_linux(struct notifier_block *block, unsigned long action, void *region)
{
	printf(" %s:mem%lu:%" PRIu64 "@%" PRIuPTR, block->node->name, action, *(uint64_t *)region,
	       inspect_notifier_epoch(&notifier));
	call_again(block->node);
	/* Whoever does not refuse answers all that does not mean it. */
	if (is_refused(block->node))
		return INSPECT_NOTIFY_BAD;
	return action % 3 == 0 ? INSPECT_NOTIFY_DONE : INSPECT_NOTIFY_OK | INSPECT_NOTIFY_STOP_MASK;
}

static void make(bool like_linux)
{
	int i;

	memset(&notifier, 0, sizeof(notifier));
	memset(nodes, 0, sizeof(nodes));
	notifier.flags = like_linux ? INSPECT_NOTIFIER_LIKE_LINUX : 0;
	for (i = 0; i < NODES; i++) {
		struct node *node = &nodes[i];

		node->name[0] = (char)('a' + i);
		node->native.name = node->name;
		node->native.prepare = prepare;
		node->native.commit = commit;
		node->native.cancel = cancel;
		node->native.context = node;
		blocks[i].node = node;
		inspect_port(&node->ported, node->name, from_linux, &blocks[i]);
	}
	printf("notifier\n");
}

/* Every other node comes from Linux. */
static struct inspect_subscriber *subscriber_of(uint64_t node)
{
	return node % 2 == 1 ? &nodes[node].ported.subscriber : &nodes[node].native;
}

/* The numbers behind a third one, one after the other. */
static const void *existing(void *context)
{
	static int next = 3;
	struct script_line *line = (struct script_line *)context;

	if (next < line->count)
		return &line->number[next++];
	next = 3;
	return NULL;
}

static void subscribe(struct script_line *line)
{
	struct inspect_subscriber *subscriber = subscriber_of(line->number[0]);
	int result;

	reentrant = line->number[2];
	if (subscriber->notifier == NULL)
		subscriber->priority = (int32_t)line->number[1] - 100;
	printf("subscribe");
	result = inspect_subscribe_with_replay(&notifier, subscriber, existing, line);
	printf(" %d\n", result);
}

static int act(void *context)
{
	const int result = (int)*(const uint64_t *)context;

	printf(" act");
	return result;
}

static void tell_change(struct script_line *line)
{
	struct inspect_refusal refusal;
	struct inspect_change change;
	int result;

	change.kind = (uint32_t)line->number[0];
	change.region = &line->number[1];
	change.before = change.kind == INSPECT_CHANGE_PROPERTIES ? &line->number[2] : NULL;
	vetoes = line->number[3];
	reentrant = line->number[5];
	printf("change");
	result = inspect_notify(&notifier, &change, act, &line->number[4], &refusal);
	printf(" %d", result);
	if (result == INSPECT_E_VETO)
		printf(" %s refused: %s", refusal.subscriber->name, refusal.reason);
	if (result == INSPECT_E_ACTION)
		printf(" %d", refusal.result);
	printf(" @%" PRIuPTR "\n", inspect_notifier_epoch(&notifier));
}

int main(void)
{
	struct script_line line;

	while (script_next(&line)) {
		if (script_is(&line, "notifier", 1)) {
			make(line.number[0] != 0);
		} else if (script_is(&line, "subscribe", 3)) {
			subscribe(&line);
		} else if (script_is(&line, "unsubscribe", 1)) {
			printf("unsubscribe %d\n", inspect_unsubscribe(&notifier, subscriber_of(line.number[0])));
		} else {
			CHECK(script_is(&line, "change", 6));
			tell_change(&line);
		}
	}
	return 0;
}
