/* The C runtime in a library, so that both languages look at the same memory in the same process. */
#include "inspect_dump.h"

#include "consumers.h"

#define EXPORT __attribute__((visibility("default")))

INSPECT_WORKSPACE(large, 256, 1 << 20);
INSPECT_WORKSPACE(few, 2, 1 << 20);
INSPECT_WORKSPACE(small, 64, 1000);

/* What Rust cannot declare without repeating the layouts. */
EXPORT int twin_dump(uint32_t consumer, uint32_t workspace, uint32_t memory, const void *const *tables,
		     size_t table_count, const char *producer, int descriptor, struct inspect_dump_report *report)
{
	static struct inspect_workspace *const workspaces[] = { &large, &few, &small };
	static struct inspect_process process;
	struct inspect_memory probing;
	struct inspect_file file = { descriptor, 0 };
	const struct inspect_sink sink = inspect_file_sink(&file);
	struct inspect_sink copying;
	struct inspect_dump_request request;

	inspect_process_fill(&process, 0, NULL);
	/* As a kernel has it: reads that may fail, and nothing else. */
	probing.read = inspect_posix_memory()->read;
	probing.readable = NULL;
	probing.context = NULL;
	copying.write = sink.write;
	copying.write_memory = NULL;
	copying.context = sink.context;
	request.consumer = &consumers[consumer];
	request.memory = memory == 0 ? inspect_posix_memory() : &probing;
	request.process = &process;
	request.producer = producer;
	request.tables = tables;
	request.table_count = table_count;
	return inspect_dump_elf(&request, workspaces[workspace], memory == 0 ? &sink : &copying, report);
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
