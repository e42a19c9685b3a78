/* Registers structs of cached.state; writes the table to one file and the memory of its rows to another. */
#include <stdio.h>
#include <string.h>

#include "cached_state.inspect.h"

static struct cached_state_log_record lines[2];
static struct cached_state_stats stats;
static struct cached_state_conn conns[2];

static void fill(void)
{
	static const char text[] = "a text of the very length that a line of the log has room for, "
				   "up to its last byte; no NUL follows on it";

	lines[0].timestamp_ns = 100;
	lines[0].level = 3;
	lines[0].worker = 1;
	lines[0].text_len = 2;
	memcpy(lines[0].text, "up", 2);
	lines[1].timestamp_ns = 200;
	lines[1].level = 9;
	lines[1].worker = 2;
	lines[1].conn = 7;
	lines[1].text_len = CACHED_STATE_LOG_TEXT;
	memcpy(lines[1].text, text, sizeof(text) - 1);
	stats.hits = 1;
	stats.misses = 2;
	stats.bytes = 1ull << 40;
	stats.slowest_ns = 4;
	stats.load = 0.5f;
	stats.load_minute = -0.25;
	stats.evictions = 6;
	conns[0].id = 7;
	conns[0].fd = -1;
	conns[0].state = CACHED_STATE_CONN_STATE_BUSY;
	conns[0].peer.family = CACHED_STATE_FAMILY_INET;
	conns[0].peer.port = inspect_be16(443);
	conns[0].peer.address.v4 = inspect_be32(0xc0000201u);
	conns[0].rights = CACHED_STATE_RIGHTS_EVICT | CACHED_STATE_RIGHTS_ADMIN | 6u << 8;
	conns[0].tls = 1;
	conns[0].protocol = 5;
	conns[0].depth = 0xabc;
	memset(conns[0].session, 16, sizeof(conns[0].session));
	memset(conns[0].token, 255, sizeof(conns[0].token));
	conns[0].input_len = 1234567890;
	conns[0].since_ns = -5;
	conns[1].id = 8;
	conns[1].fd = 9;
	conns[1].state = CACHED_STATE_CONN_STATE_CLOSING;
	conns[1].peer.family = CACHED_STATE_FAMILY_INET6;
	conns[1].peer.port = inspect_be16(80);
	memset(conns[1].peer.address.v6.bytes, 254, 16);
	conns[1].peer.address.v6.scope = 12;
	conns[1].rights = CACHED_STATE_RIGHTS_READ;
	conns[1].protocol = 7;
	conns[1].depth = 4095;
	conns[1].since_ns = 9223372036854775807ll;
}

static int add(struct inspect_runtime_table *table, uint32_t class_number, const void *at, size_t size,
	       const char *name, uint64_t instance, uint32_t owner, uint64_t in_use)
{
	struct cached_state_region row;
	struct inspect_handle handle;

	memset(&row, 0, sizeof(row));
	row.core.class_number = class_number;
	row.core.address = (uintptr_t)at;
	row.core.length = size;
	row.core.instance = instance;
	row.owner = owner;
	row.in_use = in_use;
	return inspect_register(table, &row, name, &handle);
}

int main(int argc, char **argv)
{
	static uint64_t memory[INSPECT_TABLE_SIZE(sizeof(struct cached_state_region), 4, 128) / 8];
	static uint64_t buffer[16384];
	struct inspect_runtime_table table;
	FILE *file;
	size_t written;
	int ok;

	if (argc != 3)
		return 2;
	fill();
	if (inspect_table_init(&table, memory, sizeof(memory), CACHED_STATE_DESCRIPTOR, 4) != INSPECT_OK ||
	    add(&table, CACHED_STATE_CLASS_LOG, lines, sizeof(lines), "main", 0, 3, 240) != INSPECT_OK ||
	    add(&table, CACHED_STATE_CLASS_STATS, &stats, sizeof(stats), "worker", 2, 0, 0) != INSPECT_OK ||
	    add(&table, CACHED_STATE_CLASS_CONNS, conns, sizeof(conns), "conns", 0, 0xffffffffu,
		0xffffffffffffffffull) != INSPECT_OK ||
	    inspect_table_copy(&table, buffer, sizeof(buffer), &written) != INSPECT_OK)
		return 3;
	file = fopen(argv[1], "wb");
	ok = file != NULL && fwrite(buffer, 1, written, file) == written && fclose(file) == 0;
	file = fopen(argv[2], "wb");
	ok = ok && file != NULL && fwrite(lines, sizeof(lines), 1, file) == 1 &&
	     fwrite(&stats, sizeof(stats), 1, file) == 1 && fwrite(conns, sizeof(conns), 1, file) == 1 &&
	     fclose(file) == 0;
	return !ok;
}
