/* Prints a table of cached.state and the memory of its rows, on whatever machine they were written. */
#include <stdio.h>
#include <stdlib.h>

#include "cached_state.decode.h"

static unsigned char table_bytes[1 << 20];
static unsigned char dump_bytes[1 << 20];
static struct cached_state_layouts layouts;
static struct inspect_types types;

static size_t load(const char *path, unsigned char *to, size_t size)
{
	FILE *file = fopen(path, "rb");
	size_t got;

	if (file == NULL)
		exit(3);
	got = fread(to, 1, size, file);
	fclose(file);
	return got;
}

static void print_log(const unsigned char *data, size_t size)
{
	struct cached_state_log_record_view it;
	int64_t count;
	int64_t i;

	if (cached_state_log_record_open(&it, &layouts, data, size, NULL) != 0 ||
	    !cached_state_log_record_count_text(&it, &count) ||
	    count > (int64_t)cached_state_log_record_length_text(&it))
		exit(4);
	printf("%llu level=%u worker=%u conn=%lu text=",
	       (unsigned long long)cached_state_log_record_get_timestamp_ns(&it),
	       cached_state_log_record_get_level(&it), cached_state_log_record_get_worker(&it),
	       (unsigned long)cached_state_log_record_get_conn(&it));
	for (i = 0; i < count; i++)
		putchar(cached_state_log_record_get_text(&it, (uint64_t)i));
	putchar('\n');
}

static void print_stats(const unsigned char *data, size_t size)
{
	struct cached_state_stats_view it;

	if (cached_state_stats_open(&it, &layouts, data, size, NULL) != 0 || !cached_state_stats_has_evictions(&it))
		exit(5);
	printf("hits=%llu misses=%llu bytes=%llu", (unsigned long long)cached_state_stats_get_hits(&it),
	       (unsigned long long)cached_state_stats_get_misses(&it),
	       (unsigned long long)cached_state_stats_get_bytes(&it));
	printf(" slowest=%llu load=%g minute=%g evictions=%llu\n",
	       (unsigned long long)cached_state_stats_get_slowest_ns(&it), (double)cached_state_stats_get_load(&it),
	       cached_state_stats_get_load_minute(&it), (unsigned long long)cached_state_stats_get_evictions(&it));
}

static void print_address(const struct cached_state_peer_view *peer)
{
	struct cached_state_peer_address_view address;
	struct cached_state_peer_address_v6_view v6;

	if (!cached_state_peer_get_address(peer, &address) || !cached_state_peer_address_get_v6(&address, &v6))
		exit(6);
	switch (cached_state_peer_get_family(peer)) {
	case CACHED_STATE_FAMILY_INET:
		printf("inet %lu\n", (unsigned long)cached_state_peer_address_get_v4(&address));
		break;
	case CACHED_STATE_FAMILY_INET6:
		printf("inet6 %u scope=%lu\n", cached_state_peer_address_v6_get_bytes(&v6).data[15],
		       (unsigned long)cached_state_peer_address_v6_get_scope(&v6));
		break;
	default:
		exit(7);
	}
}

static void print_conn(const unsigned char *data, size_t size)
{
	struct cached_state_conn_view it;
	struct cached_state_peer_view peer;

	if (cached_state_conn_open(&it, &layouts, data, size, NULL) != 0 || !cached_state_conn_get_peer(&it, &peer))
		exit(8);
	printf("id=%llu fd=%ld state=%lld rights=%lu", (unsigned long long)cached_state_conn_get_id(&it),
	       (long)cached_state_conn_get_fd(&it), (long long)cached_state_conn_get_state(&it),
	       (unsigned long)cached_state_conn_get_rights(&it));
	printf(" tls=%lu protocol=%lu depth=%lu port=%u\n", (unsigned long)cached_state_conn_get_tls(&it),
	       (unsigned long)cached_state_conn_get_protocol(&it), (unsigned long)cached_state_conn_get_depth(&it),
	       cached_state_peer_get_port(&peer));
	print_address(&peer);
	printf("session=%u token=%u client=%llu input_len=%llu since=%lld\n",
	       cached_state_conn_get_session(&it).data[15], cached_state_conn_get_token(&it).data[31],
	       (unsigned long long)cached_state_conn_get_client(&it),
	       (unsigned long long)cached_state_conn_get_input_len(&it),
	       (long long)cached_state_conn_get_since_ns(&it));
}

static void print_row(struct inspect_row row, const unsigned char *data, size_t size)
{
	printf("row %s class=%08lx instance=%llu owner=%lu label=%s in_use=%llu\n", inspect_row_name(row),
	       (unsigned long)inspect_row_class(row), (unsigned long long)inspect_row_instance(row),
	       (unsigned long)cached_state_region_get_owner(row), cached_state_region_get_label(row),
	       (unsigned long long)cached_state_region_get_in_use(row));
	switch (inspect_row_class(row)) {
	case CACHED_STATE_CLASS_LOG:
		print_log(data, size / 2);
		print_log(data + size / 2, size / 2);
		break;
	case CACHED_STATE_CLASS_CONNS:
		print_conn(data, size / 2);
		print_conn(data + size / 2, size / 2);
		break;
	case CACHED_STATE_CLASS_STATS:
		print_stats(data, size);
		break;
	default:
		exit(9);
	}
}

int main(int argc, char **argv)
{
	struct inspect_table table;
	struct inspect_row row;
	size_t at = 0;
	size_t size;
	uint64_t i;

	if (argc != 3)
		return 2;
	size = load(argv[1], table_bytes, sizeof(table_bytes));
	if (cached_state_table_parse(&table, table_bytes, size, NULL) != 0 ||
	    inspect_types_parse(&types, &table, NULL) != 0 ||
	    cached_state_layouts_bind(&layouts, &table, &types, NULL) != 0)
		return 1;
	size = load(argv[2], dump_bytes, sizeof(dump_bytes));
	for (i = 0; inspect_row_at(&table, i, &row); i++) {
		if (!inspect_row_is_live(row))
			continue;
		if (inspect_row_length(row) > size - at)
			return 10;
		print_row(row, dump_bytes + at, (size_t)inspect_row_length(row));
		at += (size_t)inspect_row_length(row);
	}
	return at != size;
}
