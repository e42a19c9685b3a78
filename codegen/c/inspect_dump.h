/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What a consumer may see of this program, written from inside it: an ELF core into a sink, or into a zone,
 * memory that survives a reset.
 *
 * Nothing here allocates, takes a lock or calls a function that is not the caller's, so that a signal handler,
 * an interrupt or a panic path may do it. What a dump needs to remember stands in a workspace of the caller's.
 * `inspect_dump.c` is compiled beside `inspect_runtime.c`; with INSPECT_POSIX defined for both this header and
 * that file, there are also a sink, checked reads and registers for POSIX systems.
 */
#ifndef INSPECT_DUMP_H
#define INSPECT_DUMP_H

#include "inspect.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Memory and sinks -------------------------------------------------------------------------------- */

/** struct inspect_run - memory up to @end */
struct inspect_run {
	uint64_t start;
	uint64_t end;
};

/**
 * struct inspect_memory - how memory of this address space is read
 *
 * Where nobody can be asked, as in firmware, NULL stands for it: then memory is simply read, and what tables
 * promise is believed.
 */
struct inspect_memory {
	/** @read: copies @size bytes, or returns INSPECT_E_FAULT where one of them cannot be read */
	int (*read)(uint64_t address, void *out, size_t size, void *context);
	/**
	 * @readable: how many of @length bytes can be read, from the first on; NULL asks @read of each page
	 *
	 * Regions on the same pages or on neighbours are asked about together, with what lies between them.
	 */
	uint64_t (*readable)(uint64_t address, uint64_t length, void *context);
	void *context;
	/**
	 * @readable_runs: how many runs can be read as a whole, from the first on; NULL asks @readable of each
	 *
	 * It may answer for fewer of them than there are, at least for the first. No run is empty, and nothing that
	 * has effects when it is read is among them.
	 */
	size_t (*readable_runs)(const struct inspect_run *runs, size_t count, void *context);
};

/** struct inspect_sink - takes a dump from its first byte to its last; a result that is not 0 ends it */
struct inspect_sink {
	/** @write: appends bytes: all of them, or an error */
	int (*write)(const void *bytes, size_t size, void *context);
	/**
	 * @write_memory: appends memory from where it lies, run behind run; NULL has it copied through @write
	 *
	 * It takes as much as one step does, at least a byte of the first run, and says in @taken how many bytes
	 * those were; what is left comes again. There is at least one run, and none is empty.
	 */
	int (*write_memory)(const struct inspect_run *runs, size_t count, uint64_t *taken, void *context);
	void *context;
};

/* ---- Zones ------------------------------------------------------------------------------------------- */

/** struct inspect_storage - bytes that survive: reserved memory, a mapped file, flash */
struct inspect_storage {
	uint64_t size;
	int (*read)(uint64_t offset, void *out, size_t size, void *context);
	/** @write: bytes may arrive in any order, and only in part if something stops the machine, until @flush */
	int (*write)(uint64_t offset, const void *bytes, size_t size, void *context);
	/** @flush: returns when everything that was written will survive */
	int (*flush)(void *context);
	void *context;
};

/** struct inspect_reserved - memory that was set aside for a zone */
struct inspect_reserved {
	void *start;
	size_t size;
	/** @clean: writes the processor's cache back where a reset would lose it, or a mapping to its file; or NULL */
	void (*clean)(const void *start, size_t size);
};

/** inspect_reserved_storage() - that memory as a storage; it must live as long */
INSPECT_API
struct inspect_storage inspect_reserved_storage(struct inspect_reserved *reserved);

/* inspect_zone_label.kind: what a dump is */
#define INSPECT_PAYLOAD_ELF 1u
#define INSPECT_PAYLOAD_TABLES 2u
#define INSPECT_PAYLOAD_TEXT 3u

/** struct inspect_zone_layout - how a zone is prepared */
struct inspect_zone_layout {
	/** @slot_count: at least two */
	uint32_t slot_count;
	/** @byte_order: INSPECT_LITTLE or INSPECT_BIG, of everything in the zone but the dumps */
	uint8_t byte_order;
	/** @word_size: bytes of a pointer of the producer */
	uint8_t word_size;
};

/** INSPECT_ZONE_LAYOUT() - of this machine */
#define INSPECT_ZONE_LAYOUT(slot_count) \
	{ slot_count, INSPECT_BIG_ENDIAN ? INSPECT_BIG : INSPECT_LITTLE, (uint8_t)sizeof(void *) }

/** struct inspect_zone - a zone whose header has been checked */
struct inspect_zone {
	const struct inspect_storage *storage;
	uint64_t header_size;
	uint64_t slot_size;
	uint32_t slot_count;
	uint8_t byte_order;
};

/** struct inspect_zone_label - what a dump is, said when it is begun */
struct inspect_zone_label {
	uint32_t kind;
	/** @nonce: of the root whose producer writes */
	uint64_t nonce;
	/** @written_at: nanoseconds since 1970, or 0 */
	uint64_t written_at;
};

/** struct inspect_zone_dump - a dump in a zone, whose checksums hold */
struct inspect_zone_dump {
	/** @offset: of its first byte in the storage */
	uint64_t offset;
	uint64_t length;
	uint64_t sequence;
	struct inspect_zone_label label;
	uint32_t slot;
	uint32_t checksum;
};

/** struct inspect_zone_writer - a dump that is being written; not there before inspect_zone_finish() */
struct inspect_zone_writer {
	const struct inspect_zone *zone;
	uint64_t start;
	uint64_t length;
	uint64_t sequence;
	struct inspect_zone_label label;
	uint32_t crc;
};

/**
 * inspect_zone_init() - prepares storage; whatever stood there is gone afterwards
 *
 * The slots share all there is. A stop half-way leaves no zone, neither the old one nor the new one.
 */
INSPECT_API
int inspect_zone_init(struct inspect_zone *zone, const struct inspect_storage *storage,
		      const struct inspect_zone_layout *layout);

/** inspect_zone_open() - reads and checks the header of a zone, of either byte order */
INSPECT_API
int inspect_zone_open(struct inspect_zone *zone, const struct inspect_storage *storage);

/** inspect_zone_room() - bytes of a dump for which each slot has room */
INSPECT_API
uint64_t inspect_zone_room(const struct inspect_zone *zone);

/** inspect_zone_dump_in() - the dump in a slot; INSPECT_E_NONE where its checksums do not hold */
INSPECT_API
int inspect_zone_dump_in(const struct inspect_zone *zone, uint32_t slot, struct inspect_zone_dump *dump);

/**
 * inspect_zone_newest() - the newest dump whose checksums hold, or INSPECT_E_NONE
 *
 * A slot that cannot be read does not hide others; if nothing else is there, its error is the answer.
 */
INSPECT_API
int inspect_zone_newest(const struct inspect_zone *zone, struct inspect_zone_dump *dump);

/** inspect_zone_read() - bytes of a dump; INSPECT_E_SIZES beyond its end */
INSPECT_API
int inspect_zone_read(const struct inspect_zone *zone, const struct inspect_zone_dump *dump, uint64_t offset,
		      void *out, size_t size);

/**
 * inspect_zone_begin() - begins a dump: in a slot without a valid one, else in place of the oldest
 *
 * All dumps of the zone are checked for that, so that the only good one is never written over: in a large zone
 * this takes as long as reading it.
 */
INSPECT_API
int inspect_zone_begin(struct inspect_zone_writer *writer, const struct inspect_zone *zone,
		       const struct inspect_zone_label *label);

/** inspect_zone_write() - appends bytes: all of them, or INSPECT_E_ROOM and none */
INSPECT_API
int inspect_zone_write(struct inspect_zone_writer *writer, const void *bytes, size_t size);

/** inspect_zone_finish() - makes the dump the newest one; @sequence is its number, or NULL */
INSPECT_API
int inspect_zone_finish(struct inspect_zone_writer *writer, uint64_t *sequence);

/** inspect_zone_sink() - the slot as the sink of a dump; the writer must live as long */
INSPECT_API
struct inspect_sink inspect_zone_sink(struct inspect_zone_writer *writer);

/* ---- Dumps ------------------------------------------------------------------------------------------- */

/** struct inspect_region - an entry that a consumer may see; of interest to inspect_dump.c alone */
struct inspect_region {
	uint32_t table;
	uint32_t row;
	uint32_t rank;
	uint16_t state;
	uint16_t has_effects;
	uint64_t name_size;
	uint64_t address;
	uint64_t length;
	uint64_t readable;
};

/** struct inspect_workspace - room to plan a dump in; made by INSPECT_WORKSPACE() */
struct inspect_workspace {
	uint32_t busy;
	uint32_t region_count;
	struct inspect_region *regions;
	struct inspect_run *runs;
	uint64_t *tables;
	size_t tables_size;
};

/**
 * INSPECT_WORKSPACE() - a workspace in static memory
 * @region_limit: how many entries a consumer may see; of more, the most important ones are taken
 * @table_bytes: how many bytes the frozen tables may take
 */
#define INSPECT_WORKSPACE(name, region_limit, table_bytes)                                   \
	static struct inspect_region INSPECT_JOIN(name, _regions)[region_limit];             \
	static struct inspect_run INSPECT_JOIN(name, _runs)[region_limit];                   \
	static uint64_t INSPECT_JOIN(name, _tables)[((size_t)(table_bytes) + 7) / 8];        \
	static struct inspect_workspace name = { 0,                                          \
						 region_limit,                               \
						 INSPECT_JOIN(name, _regions),               \
						 INSPECT_JOIN(name, _runs),                  \
						 INSPECT_JOIN(name, _tables),                \
						 sizeof(INSPECT_JOIN(name, _tables)) }

/* The auxiliary vector is about half as long as this. */
#define INSPECT_AUXV_SIZE 1024
#define INSPECT_STATUS_SIZE 392

/**
 * struct inspect_process - what debuggers ask of a core beside memory
 *
 * The contents of the notes NT_PRSTATUS and NT_AUXV as the kernel writes them; a size of 0 leaves a note out.
 */
struct inspect_process {
	unsigned char status[INSPECT_STATUS_SIZE];
	unsigned char auxv[INSPECT_AUXV_SIZE];
	uint32_t status_size;
	uint32_t auxv_size;
};

/** struct inspect_dump_request - what is to be dumped, and what is said about it */
struct inspect_dump_request {
	const struct inspect_consumer *consumer;
	/** @memory: how regions are read, or NULL */
	const struct inspect_memory *memory;
	/** @process: for debuggers, or NULL */
	const struct inspect_process *process;
	/** @producer: program and version that is dumped, or NULL */
	const char *producer;
	/** @tables: headers of the tables to dump; NULL for those of inspect_tables_for_each() */
	const void *const *tables;
	size_t table_count;
};

/** struct inspect_dump_report - what is in a dump, in numbers */
struct inspect_dump_report {
	/** @written: bytes that the sink has taken */
	uint64_t written;
	uint64_t tables;
	/** @missing: tables that are not in it: no room for a copy, or unreadable */
	uint64_t missing;
	/** @captured: entries whose memory is in it; the following counts are of entries, too */
	uint64_t captured;
	uint64_t denied;
	uint64_t over_budget;
	uint64_t absent;
	uint64_t faulted;
	/** @truncated: of which the beginning is in it */
	uint64_t truncated;
};

/**
 * inspect_dump_elf() - writes an ELF core with what a consumer may see of this program
 * @report: is filled whatever the result is, or NULL
 *
 * The core has a frozen copy of the tables, what became of every entry, and the memory of those that the
 * consumer may see. What is left out has no segment: a debugger says that it is not there, or, of variables,
 * shows what the program's own file begins them with. Where an entry that is allowed reaches over one that a
 * rule of deny names, or that is sensitive or has effects when read, those bytes are left out, too; of a refused
 * entry without a length everything to the end of the allowed memory around it.
 *
 * INSPECT_E_BUSY while the workspace is in use, by another thread or by the code that was interrupted;
 * INSPECT_E_TABLES where what tables refuse is not known; otherwise what the sink has returned.
 */
INSPECT_API
int inspect_dump_elf(const struct inspect_dump_request *request, struct inspect_workspace *workspace,
		     const struct inspect_sink *sink, struct inspect_dump_report *report);

/* ---- POSIX systems ----------------------------------------------------------------------------------- */

#ifdef INSPECT_POSIX
/** struct inspect_file - a file descriptor as the sink of a dump */
struct inspect_file {
	int descriptor;
	/** @error: errno, where a write has returned INSPECT_E_SYSTEM */
	int error;
};

/** inspect_file_sink() - appends to a file, a pipe or a socket, memory straight from its place */
INSPECT_API
struct inspect_sink inspect_file_sink(struct inspect_file *file);

#ifdef __linux__
/** inspect_posix_memory() - reads that the kernel checks: an address without memory is an answer */
INSPECT_API
const struct inspect_memory *inspect_posix_memory(void);

/**
 * inspect_process_fill() - describes this process and the thread that a signal has interrupted
 * @context: the third argument of a handler that was installed with SA_SIGINFO, or NULL
 *
 * Registers are known on x86-64 and AArch64.
 */
INSPECT_API
void inspect_process_fill(struct inspect_process *process, int signal, const void *context);
#endif
#endif

#ifdef __cplusplus
}
#endif

#endif
