/*
 * Prints the types that the compiler has put into this program (`T hex`), memory (`M address hex`), and what is in
 * it, as this program sees it: `J type address length`, followed by a line of JSON.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "outside.h"
#include "shop.inspect.h"

static struct shop_shelf shelf;
static struct shop_item items[3];
static int32_t counted[8];
static struct outside outside;
static struct shop_tight tight[2];

static void hex(const void *from, size_t size)
{
	const unsigned char *bytes = from;
	for (size_t i = 0; i < size; i++)
		printf("%02x", bytes[i]);
	printf("\n");
}

static void memory(const void *from, size_t size)
{
	printf("M %llx ", (unsigned long long)(uintptr_t)from);
	hex(from, size);
}

static void begin(const char *type, const void *from, size_t size)
{
	printf("J %s %llx %llx\n", type, (unsigned long long)(uintptr_t)from, (unsigned long long)size);
}

static void address(const void *to)
{
	if (to)
		printf("\"0x%llx\"", (unsigned long long)(uintptr_t)to);
	else
		printf("null");
}

static void numbers(const char *name, const struct shop_numbers *n)
{
	printf("\"%s\":{\"a\":%u,\"b\":%d,\"c\":%lu,\"d\":%lld,", name, n->a, n->b, (unsigned long)n->c,
	       (long long)n->d);
	printf("\"e\":%.7g,\"f\":%.17g,\"g\":%s,\"h\":\"%c\",", (double)n->e, n->f, n->g ? "true" : "false", n->h);
	/* Bytes of a fixed order, put together by hand. */
	unsigned char i[2], j[4], k[8];
	memcpy(i, &n->i, 2);
	memcpy(j, &n->j, 4);
	memcpy(k, &n->k, 8);
	unsigned long long big = 0;
	for (int at = 0; at < 8; at++)
		big = big << 8 | k[at];
	printf("\"i\":%u,\"j\":%lu,\"k\":%llu,", i[0] << 8 | i[1],
	       (unsigned long)j[3] << 24 | (unsigned long)j[2] << 16 | (unsigned long)j[1] << 8 | j[0], big);
	printf("\"l\":%d,\"m\":%u,\"n\":%d,\"o\":%u,\"p\":%ld,\"q\":%lu,\"r\":%lld,\"s\":%llu,", n->l, n->m, n->n, n->o,
	       n->p, n->q, n->r, n->s);
	printf("\"t\":%zu,\"u\":%lld,\"v\":%llu},", n->t, (long long)n->u, (unsigned long long)n->v);
}

static void bits(const char *name, const struct shop_bits *b)
{
	const char *plain[] = { "\"idle\"", "\"run\"", "\"stop\"", "3" };
	printf("\"%s\":{\"a\":%u,\"b\":%d,\"c\":%u,\"d\":%u,\"e\":%llu,\"f\":%u,\"g\":%s,\"h\":%d,\"i\":%s,\"j\":%lld},",
	       name, (unsigned)b->a, (int)b->b, (unsigned)b->c, (unsigned)b->d, (unsigned long long)b->e, b->f,
	       b->g ? "true" : "false", (int)b->h, plain[b->i], (long long)b->j);
}

static void item(const struct shop_item *it)
{
	printf("{\"@address\":");
	address(it);
	printf(",\"@value\":{\"link\":{\"next\":");
	address(it->link.next);
	printf(",\"prev\":");
	address(it->link.prev);
	printf("},\"name\":{\"@address\":");
	address(it->name);
	printf(",\"@value\":\"%s\"},\"weight\":%u,", it->name, it->weight);
	bits("inner", &it->inner);
	printf("\"owner\":{\"@note\":\"cycle\",\"@address\":");
	address(it->owner);
	printf("}}}");
}

static void show(void)
{
	const struct shop_shelf *s = &shelf;
	begin("shop_shelf", s, sizeof *s);
	printf("{\"items\":[");
	for (const struct shop_links *at = s->items.next; at != &s->items; at = at->next) {
		item((const struct shop_item *)((const char *)at - offsetof(struct shop_item, link)));
		printf(at->next == &s->items ? "" : ",");
	}
	printf("],\"narrow\":\"%s\",\"after\":%u,\"signed_one\":\"minus\",\"wide\":\"huge\",\"plain\":\"stop\",",
	       s->narrow == 200 ? "second" : "?", s->after);
	printf("\"rights\":[\"read\",\"service=5\",\"admin\",\"0x10000\"],");
	numbers("numbers", &s->numbers);
	printf("\"matrix\":[[%u,%u,%u],[%u,%u,%u]],", s->matrix[0][0], s->matrix[0][1], s->matrix[0][2], s->matrix[1][0],
	       s->matrix[1][1], s->matrix[1][2]);
	printf("\"pairs\":[{\"k\":%u,\"v\":%llu},{\"k\":%u,\"v\":%llu}],", s->pairs[0].k,
	       (unsigned long long)s->pairs[0].v, s->pairs[1].k, (unsigned long long)s->pairs[1].v);
	printf("\"label\":\"%s\",\"raw\":\"0001feff02\",\"kind\":%u,", s->label, s->kind);
	printf("\"detail\":{\"two\":{\"x\":%u,\"y\":%.17g}},", s->detail.two.x, s->detail.two.y);
	printf("\"word\":%lu,\"low\":%u,\"high\":%u,", (unsigned long)s->word, s->low, s->high);
	printf("\"used\":%u,\"counted\":{\"@address\":", s->used);
	address(s->counted);
	printf(",\"@value\":[%ld,%ld,%ld,%ld,%ld]},", (long)s->counted[0], (long)s->counted[1], (long)s->counted[2],
	       (long)s->counted[3], (long)s->counted[4]);
	printf("\"line\":\"%.3s\",\"next\":%lu,", s->line, (unsigned long)s->next);
	printf("\"ring\":[%u,%u,%u],", s->ring[3], s->ring[0], s->ring[1]);
	printf("\"favourite\":");
	item(s->favourite);
	printf(",\"nobody\":null,\"call\":");
	uintptr_t call;
	memcpy(&call, &s->call, sizeof call);
	printf("\"0x%llx\"}\n", (unsigned long long)call);
}

static void function(void)
{
}

static void fill(void)
{
	static char names[3][8] = { "first", "second", "third" };
	struct shop_links *before = &shelf.items;
	for (int i = 0; i < 3; i++) {
		items[i].name = names[i];
		items[i].weight = (uint16_t)(1000 * i + 7);
		items[i].owner = &shelf;
		items[i].link.prev = before;
		before->next = &items[i].link;
		before = &items[i].link;
		struct shop_bits *b = &items[i].inner;
		b->a = 5 - i;
		b->b = -4000 + i;
		b->c = 300 + i;
		b->d = 100 + i;
		b->e = 0xfedcba9876ULL - i;
		b->f = 250;
		b->g = i != 1;
		b->h = -16 + i;
		b->i = i;
		b->j = -(1LL << 32) + i;
	}
	before->next = &shelf.items;
	shelf.items.prev = before;
	shelf.narrow = 200;
	shelf.after = 9;
	shelf.signed_one = -5;
	shelf.wide = 0xffffffffffffff00ULL;
	shelf.plain = 2;
	shelf.rights = 1u | 5u << 8 | 1u << 16 | 1u << 31;
	struct shop_numbers *n = &shelf.numbers;
	n->a = 255;
	n->b = -12345;
	n->c = 4000000000u;
	n->d = INT64_MIN;
	n->e = 0.1f;
	n->f = -1e300;
	n->g = 1;
	n->h = 'q';
	memcpy(&n->i, "\x12\x34", 2);
	memcpy(&n->j, "\x12\x34\x56\x78", 4);
	memcpy(&n->k, "\x01\x02\x03\x04\x05\x06\x07\x08", 8);
	n->l = -32768;
	n->m = 65535;
	n->n = -2000000000;
	n->o = 4000000001u;
	n->p = -2000000001;
	n->q = 4000000002u;
	n->r = -9000000000000000000LL;
	n->s = 18000000000000000000ULL;
	n->t = 77;
	n->u = -78;
	n->v = 79;
	for (int i = 0; i < 6; i++)
		shelf.matrix[i / 3][i % 3] = (uint16_t)(i * 1111);
	for (int i = 0; i < 2; i++) {
		shelf.pairs[i].k = (uint8_t)(i + 1);
		shelf.pairs[i].v = 1ULL << (40 + i);
	}
	strcpy(shelf.label, "label");
	memcpy(shelf.raw, "\x00\x01\xfe\xff\x02", 5);
	shelf.kind = 2;
	shelf.detail.two.x = 3;
	shelf.detail.two.y = 2.5;
	shelf.word = 0x11223344;
	shelf.used = 3;
	shelf.counted = counted;
	for (int i = 0; i < 8; i++)
		counted[i] = -i * 100000;
	memcpy(shelf.line, "abcdefghijkl", 12);
	shelf.next = 2;
	memcpy(shelf.ring, "\x0a\x0b\x0c\x0d", 4);
	shelf.favourite = &items[1];
	void (*call)(void) = function;
	memcpy(&shelf.call, &call, sizeof call);
	for (int i = 0; i < 5; i++)
		outside.values[i] = 3 - i;
	outside.mood = bad;
	outside.middle = 1ULL << 60;
	memcpy(outside.lock.inside, "\x01\x02\x03", 3);
	outside.last = 65000;
	for (int i = 0; i < 2; i++) {
		tight[i].a = (uint8_t)(i + 1);
		tight[i].b = 0x0102030405060708ULL + (unsigned)i;
		tight[i].c = 500;
		tight[i].d[0] = 70000;
		tight[i].d[1] = 80000;
	}
	memory(&shelf, sizeof shelf);
	memory(items, sizeof items);
	memory(names, sizeof names);
	memory(counted, sizeof counted);
	memory(&outside, sizeof outside);
	memory(tight, sizeof tight);
}

int main(void)
{
	printf("T ");
	hex(&shop_inspect_v1.types, sizeof shop_inspect_v1.types);
	fill();
	show();
	begin("outside", &outside, sizeof outside);
	printf("{\"last\":%u,\"middle\":%llu,\"lock\":\"010203\",\"mood\":\"bad\",\"values\":[%d,%d,%d]}\n", outside.last,
	       outside.middle, outside.values[0], outside.values[1], outside.values[2]);
	begin("shop_tight", tight, sizeof tight);
	printf("[");
	for (int i = 0; i < 2; i++)
		printf("{\"a\":%u,\"b\":%llu,\"c\":%u,\"d\":[%lu,%lu]}%s", tight[i].a, (unsigned long long)tight[i].b,
		       tight[i].c, (unsigned long)tight[i].d[0], (unsigned long)tight[i].d[1], i ? "]\n" : ",");
	return 0;
}
