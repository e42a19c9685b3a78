/*
 * Decodes what produce.c wrote, on whatever machine, and prints it: with the layouts of the table, or with those
 * of the target whose number is given. "uncaptured" says that the table, like each that a Rust program writes,
 * has no layouts of captured structs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests_forms.decode.h"

static unsigned char file_bytes[1 << 20];
static struct tests_forms_layouts layouts;
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

static void text(const char *name, struct inspect_bytes bytes)
{
	printf("%s=%.*s\n", name, (int)bytes.size, (const char *)bytes.data);
}

#define NUMBER(name, value) printf("%s=%lld\n", name, (long long)(value))

static void print_rows(const struct inspect_table *table)
{
	struct inspect_row row;
	uint64_t i;

	for (i = 0; inspect_row_at(table, i, &row); i++) {
		struct inspect_entry core = inspect_row_core(row);

		if (!inspect_row_is_live(row))
			continue;
		printf("row %s class=%08x length>0=%d dump=%d\n", inspect_row_name(row), core.class_number,
		       core.length > 0, (core.properties & TESTS_FORMS_FACTS_DUMP) != 0);
		printf("minidump=%d nothing=%d\n",
		       inspect_consumer_allows(&TESTS_FORMS_CONSUMER_MINIDUMP, table->schema, &core, inspect_row_name(row)),
		       inspect_consumer_allows(&TESTS_FORMS_CONSUMER_NOTHING, table->schema, &core, inspect_row_name(row)));
		NUMBER("owner", tests_forms_row_get_owner(row));
		NUMBER("node", tests_forms_row_get_node(row));
		printf("label=%s\n", tests_forms_row_get_label(row));
		NUMBER("core", tests_forms_row_get_core(row));
		NUMBER("shade", tests_forms_row_get_shade(row));
		text("title", tests_forms_row_get_title(row));
		NUMBER("stamp", tests_forms_row_get_stamp(row).size);
		NUMBER("pairs", tests_forms_row_get_pairs(row, 2));
		NUMBER("outside", tests_forms_row_get_pairs(row, 3));
		printf("ratio=%g\n", tests_forms_row_get_ratio(row));
		NUMBER("ok", tests_forms_row_get_ok(row));
		NUMBER("sum", tests_forms_row_get_sum(row).data[0]);
	}
}

static void print_scalars(const unsigned char *data, size_t size)
{
	struct tests_forms_scalars_view view;

	if (tests_forms_scalars_open(&view, &layouts, data, size, NULL) != 0)
		exit(4);
	NUMBER("a", tests_forms_scalars_get_a(&view));
	NUMBER("d", tests_forms_scalars_get_d(&view));
	NUMBER("e", tests_forms_scalars_get_e(&view));
	NUMBER("h", tests_forms_scalars_get_h(&view));
	printf("i=%g j=%g k=%d l=%c\n", tests_forms_scalars_get_i(&view), tests_forms_scalars_get_j(&view),
	       tests_forms_scalars_get_k(&view), tests_forms_scalars_get_l(&view));
	NUMBER("m", tests_forms_scalars_get_m(&view));
	NUMBER("o", tests_forms_scalars_get_o(&view));
	NUMBER("q", tests_forms_scalars_get_q(&view));
	NUMBER("w", tests_forms_scalars_get_w(&view));
	NUMBER("x", tests_forms_scalars_get_x(&view));
	NUMBER("y", tests_forms_scalars_get_y(&view));
	NUMBER("ab", tests_forms_scalars_get_ab(&view));
	NUMBER("ae", tests_forms_scalars_get_ae(&view));
}

static void print_fields(const unsigned char *data, size_t size)
{
	struct tests_forms_fields_view view;

	if (tests_forms_fields_open(&view, &layouts, data, size, NULL) != 0)
		exit(5);
	NUMBER("a", tests_forms_fields_get_a(&view));
	NUMBER("b", tests_forms_fields_get_b(&view));
	NUMBER("c", tests_forms_fields_get_c(&view));
	NUMBER("d", tests_forms_fields_get_d(&view));
	NUMBER("e", tests_forms_fields_get_e(&view));
	NUMBER("f", tests_forms_fields_get_f(&view));
	NUMBER("g", tests_forms_fields_get_g(&view));
	NUMBER("h", tests_forms_fields_get_h(&view));
}

static void print_nested(const unsigned char *data, size_t size)
{
	struct tests_forms_nested_view view;
	struct tests_forms_nested_body_view body;
	struct tests_forms_nested_body_dark_view dark;
	struct tests_forms_nested_body_dark_deep_view deep;
	struct tests_forms_nested_many_view many;
	struct tests_kinds_stamp_view stamp;
	struct tests_kinds_pair_view pair;

	if (tests_forms_nested_open(&view, &layouts, data, size, NULL) != 0 ||
	    !tests_forms_nested_get_body(&view, &body) || !tests_forms_nested_body_get_dark(&body, &dark) ||
	    !tests_forms_nested_body_dark_get_deep(&dark, &deep) ||
	    !tests_forms_nested_get_many(&view, 1, &many) || tests_forms_nested_get_many(&view, 3, &many) ||
	    !tests_forms_nested_get_stamp(&view, &stamp) || !tests_forms_nested_get_last(&view, &pair))
		exit(6);
	NUMBER("kind", tests_forms_nested_get_kind(&view));
	NUMBER("y", tests_forms_nested_body_dark_get_y(&dark));
	NUMBER("z", tests_forms_nested_body_dark_deep_get_z(&deep, 2));
	NUMBER("high", tests_forms_nested_get_high(&view));
	NUMBER("r", tests_forms_nested_many_get_r(&many));
	NUMBER("seconds", tests_kinds_stamp_get_seconds(&stamp));
	NUMBER("b", tests_kinds_pair_get_b(&pair));
}

static void print_holds(const unsigned char *data, size_t size)
{
	struct tests_forms_holds_view view;

	if (tests_forms_holds_open(&view, &layouts, data, size, NULL) != 0)
		exit(7);
	NUMBER("shade", tests_forms_holds_get_shades(&view, 3));
	NUMBER("mode", tests_forms_holds_get_modes(&view, 1));
	NUMBER("depth", tests_forms_holds_get_depth(&view));
	NUMBER("sign", tests_forms_holds_get_sign(&view));
	NUMBER("traits", tests_forms_holds_get_traits(&view));
	NUMBER("bits", tests_forms_holds_get_bits(&view, 1));
	text("name", tests_forms_holds_get_names(&view, 0));
	text("name", tests_forms_holds_get_names(&view, 1));
	NUMBER("name", tests_forms_holds_get_names(&view, 2).size);
	NUMBER("order", tests_forms_holds_get_order(&view, 1));
	printf("ratio=%g\n", tests_forms_holds_get_ratio(&view, 1));
	NUMBER("word", tests_forms_holds_get_words(&view, 2));
	NUMBER("length", tests_forms_holds_length_words(&view));
	NUMBER("outside", tests_forms_holds_get_words(&view, ~(uint64_t)0));
}

static void print_head(const unsigned char *data, size_t size)
{
	struct tests_forms_head_view view;
	struct tests_kinds_stamp_view stamp;

	if (tests_forms_head_open(&view, &layouts, data, size, NULL) != 0 ||
	    tests_forms_head_check(&view, NULL) != 0 || !tests_forms_head_get_stamps(&view, 1, &stamp))
		exit(8);
	NUMBER("nanos", tests_kinds_stamp_get_nanos(&stamp));
}

static void print_message(const unsigned char *data, size_t size)
{
	struct tests_forms_message_view view;
	struct inspect_error error;
	int64_t count;
	int64_t i;

	if (tests_forms_message_open(&view, &layouts, data, size, NULL) != 0 ||
	    tests_forms_message_check(&view, NULL) != 0 || !tests_forms_message_count_words(&view, &count))
		exit(9);
	NUMBER("count", count);
	NUMBER("room", tests_forms_message_length_words(&view));
	for (i = 0; i < count; i++)
		NUMBER("word", tests_forms_message_get_words(&view, (uint64_t)i));
	/* One byte short, and the struct is not there. */
	NUMBER("short", tests_forms_message_open(&view, &layouts, data, 15, &error));
	printf("at %llu in %s\n", (unsigned long long)error.offset, error.type);
}

static void print_list(const unsigned char *data, size_t size)
{
	struct tests_forms_list_view view;

	if (tests_forms_list_open(&view, &layouts, data, size, NULL) != 0)
		exit(10);
	NUMBER("room", tests_forms_list_length_words(&view));
	NUMBER("word", tests_forms_list_get_words(&view, 2));
}

/* Captured by the producer's compiler: there is no layout of it but in the table. */
static void print_outer(const unsigned char *data, size_t size, bool bound)
{
	struct tests_forms_outer_view view;
	struct tests_kinds_foreign_view foreign;
	struct tests_kinds_handle_t_view handle;
	struct tests_forms_outer_inside_view inside;
	struct tests_forms_outer_inside_two_view two;

	if (!bound) {
		if (tests_forms_outer_open(&view, &layouts, data, size, NULL) != INSPECT_BAD_UNBOUND)
			exit(11);
		return;
	}
	if (tests_forms_outer_open(&view, &layouts, data, size, NULL) != 0 ||
	    !tests_forms_outer_has_nodes(&view) || !tests_forms_outer_get_nodes(&view, 2, &foreign))
		exit(12);
	NUMBER("node", tests_forms_outer_get_node_id(&view));
	NUMBER("inner", tests_kinds_foreign_get_inner(&foreign));
	NUMBER("extra", tests_kinds_foreign_has_extra(&foreign));
	if (!tests_forms_outer_get_by(&view, &foreign) || !tests_forms_outer_get_handle(&view, &handle) ||
	    !tests_forms_outer_get_inside(&view, &inside) ||
	    !tests_forms_outer_inside_get_two(&inside, 1, &two))
		exit(13);
	NUMBER("list", tests_kinds_foreign_get_list(&foreign, 4));
	NUMBER("list", tests_kinds_foreign_length_list(&foreign));
	NUMBER("value", tests_forms_outer_get_values(&view, 5));
	NUMBER("three", tests_forms_outer_inside_two_get_three(&two));
	NUMBER("far", tests_forms_outer_get_far(&view));
	NUMBER("handle", tests_kinds_handle_t_get_value(&handle));
	text("lock", tests_forms_outer_get_lock(&view));
}

static void print_structs(const char *path, bool bound)
{
	size_t size = load(path, file_bytes, sizeof(file_bytes));
	const unsigned char *at = file_bytes;
	int part;

	for (part = 0; part < 8; part++) {
		uint32_t length = inspect_get_u32(at, true);

		if (4 + length > size - (size_t)(at - file_bytes))
			exit(14);
		printf("part %d\n", part);
		switch (part) {
		case 0:
			print_scalars(at + 4, length);
			break;
		case 1:
			print_fields(at + 4, length);
			break;
		case 2:
			print_nested(at + 4, length);
			break;
		case 3:
			print_holds(at + 4, length);
			break;
		case 4:
			print_head(at + 4, length);
			break;
		case 5:
			print_message(at + 4, length);
			break;
		case 6:
			print_list(at + 4, length);
			break;
		default:
			print_outer(at + 4, length, bound);
		}
		at += 4 + length;
	}
}

int main(int argc, char **argv)
{
	static unsigned char table_bytes[1 << 20];
	struct inspect_error error = { 0, 0, NULL, NULL };
	struct inspect_table table;
	size_t size;

	if (argc < 3)
		return 2;
	size = load(argv[1], table_bytes, sizeof(table_bytes));
	if (tests_forms_table_parse(&table, table_bytes, size, &error) != 0 ||
	    inspect_types_parse(&types, &table, &error) != 0 ||
	    tests_forms_layouts_bind(&layouts, &table, &types, &error) != 0) {
		printf("error %d at %llu: %s.%s\n", error.kind, (unsigned long long)error.offset,
		       error.type != NULL ? error.type : "", error.field != NULL ? error.field : "");
		return 1;
	}
	if (argc > 3 && strcmp(argv[3], "uncaptured") == 0) {
		print_rows(&table);
		print_structs(argv[2], false);
	} else if (argc > 3) {
		tests_forms_layouts_of(&layouts, (enum inspect_target)atoi(argv[3]));
		print_structs(argv[2], false);
	} else {
		print_rows(&table);
		print_structs(argv[2], true);
	}
	return 0;
}
