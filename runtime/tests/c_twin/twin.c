/* The C runtime in a library, so that both languages look at the same memory in the same process. */
#include <sys/mman.h>

#include "inspect_dump.h"

#include "consumers.h"

#define EXPORT __attribute__((visibility("default")))

INSPECT_WORKSPACE(large, 256, 1 << 20);
INSPECT_WORKSPACE(few, 2, 1 << 20);
INSPECT_WORKSPACE(small, 64, 1000);
INSPECT_WORKSPACE(many, 3000, 1 << 20);

/* Memory that goes away as soon as something is written: it was there when the dump was planned. */
static void *stolen;
static size_t stolen_size;
static struct inspect_sink robbed;

EXPORT void twin_steal(void *start, size_t size)
{
	stolen = start;
	stolen_size = size;
}

static int steal_and_write(const void *bytes, size_t size, void *context)
{
	if (mprotect(stolen, stolen_size, PROT_NONE) != 0)
		return INSPECT_E_SYSTEM;
	return robbed.write(bytes, size, context);
}

/* How the dump is made: @memory of twin_dump(). */
enum { FILE_SINK, COPYING, STEALING };

/* What Rust cannot declare without repeating the layouts. */
EXPORT int twin_dump(uint32_t consumer, uint32_t workspace, uint32_t memory, const void *const *tables,
		     size_t table_count, const char *producer, int descriptor, struct inspect_dump_report *report)
{
	static struct inspect_workspace *const workspaces[] = { &large, &few, &small, &many };
	static struct inspect_process process;
	struct inspect_memory probing;
	struct inspect_file file = { descriptor, 0 };
	const struct inspect_sink sink = inspect_file_sink(&file);
	const struct inspect_sink copying = { sink.write, NULL, sink.context };
	const struct inspect_sink stealing = { steal_and_write, sink.write_memory, sink.context };
	const struct inspect_sink *const sinks[] = { &sink, &copying, &stealing };
	struct inspect_dump_request request;

	inspect_process_fill(&process, 0, NULL);
	/* As a kernel has it: reads that may fail, and nothing else. */
	probing.read = inspect_posix_memory()->read;
	probing.readable = NULL;
	probing.context = NULL;
	probing.readable_runs = NULL;
	robbed = sink;
	request.consumer = &consumers[consumer];
	request.memory = memory == COPYING ? &probing : inspect_posix_memory();
	request.process = &process;
	request.producer = producer;
	request.tables = tables;
	request.table_count = table_count;
	return inspect_dump_elf(&request, workspaces[workspace], sinks[memory], report);
}

EXPORT void twin_judge(uint32_t consumer, uint64_t schema, const struct inspect_entry *entry, const char *name,
		       struct inspect_verdict *verdict, uint32_t *rank)
{
	*verdict = inspect_consumer_judge(&consumers[consumer], schema, entry, name);
	*rank = inspect_consumer_rank(&consumers[consumer], schema, entry, name);
}

EXPORT void twin_purse(uint32_t consumer, struct inspect_purse *purse)
{
	inspect_purse_init(purse, &consumers[consumer]);
}

EXPORT uint32_t twin_spend(struct inspect_purse *purse, uint64_t name_bytes, uint64_t bytes)
{
	return inspect_purse_spend(purse, name_bytes, bytes);
}
