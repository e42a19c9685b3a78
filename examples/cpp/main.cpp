// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A weather station whose sensors come and go. Each announces its values as long as it exists; what is in the
// table at the end is written to a file.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <vector>

#include "registered.hpp"
#include "station.inspect.h"

namespace {

// The table's memory stays where it is for as long as the program runs.
inspect_runtime_table table;
alignas(64) std::uint64_t memory[INSPECT_TABLE_SIZE(sizeof(station_row), 4, 200) / 8];

station_life life;
STATION_ANNOTATE_LIFE(life, "life");

station_row row_of(const station_series &series, std::uint64_t number, const char *unit)
{
	station_row row = {};

	row.core.class_number = STATION_CLASS_SERIES;
	row.core.address = reinterpret_cast<std::uintptr_t>(&series);
	row.core.length = sizeof(series);
	row.core.instance = number;
	// A text inline needs no NUL where it fills its field.
	std::memcpy(row.unit, unit, std::min(std::strlen(unit), sizeof(row.unit)));
	return row;
}

class Sensor {
public:
	Sensor(std::uint64_t number, const char *name, const char *unit)
		: series_(std::make_unique<station_series>()),
		  registered_(table, row_of(*series_, number, unit), name)
	{
		life.sensors++;
	}

	~Sensor()
	{
		if (series_)
			life.sensors--;
	}

	Sensor(Sensor &&) = default;
	Sensor &operator=(Sensor &&) = delete;

	void take(std::int32_t value)
	{
		series_->values[series_->count++ % std::size(series_->values)] = value;
		life.values++;
	}

private:
	// In this order: the row is withdrawn before its memory goes.
	std::unique_ptr<station_series> series_;
	Registered registered_;
};

int print(const inspect_entry *entry, const char *name, void *)
{
	std::printf("%s[%llu]: %llu bytes\n", name, static_cast<unsigned long long>(entry->instance),
		    static_cast<unsigned long long>(entry->length));
	return 0;
}

void show(const char *when)
{
	std::printf("%s:\n", when);
	inspect_for_each(&table, print, nullptr);
}

void write(const char *path)
{
	std::size_t size = 0;

	inspect_table_copy(&table, nullptr, 0, &size);
	std::vector<std::uint64_t> copy((size + 7) / 8);
	if (const int result = inspect_table_copy(&table, copy.data(), size, &size); result != INSPECT_OK)
		throw std::runtime_error(inspect_error_text(result));
	std::ofstream file(path, std::ios::binary);
	if (!file.write(reinterpret_cast<const char *>(copy.data()), static_cast<std::streamsize>(size)))
		throw std::runtime_error("the file cannot be written");
}

void run(const char *path)
{
	std::vector<Sensor> sensors;

	sensors.emplace_back(0, "roof", "mdeg C");
	sensors.emplace_back(1, "cellar", "mdeg C");
	{
		Sensor visitor(2, "visitor", "Pa");

		visitor.take(101325);
		show("with a visitor");
		try {
			Sensor another(3, "another", "Pa");
		} catch (const std::runtime_error &error) {
			std::printf("another: %s\n", error.what());
		}
	}
	sensors[0].take(21500);
	sensors[1].take(12250);
	show("without");
	write(path);
}

} // namespace

int main(int argc, char **argv)
{
	if (argc != 2) {
		std::fprintf(stderr, "usage: station FILE\n");
		return 2;
	}
	try {
		if (int result = inspect_table_init(&table, memory, sizeof(memory), STATION_DESCRIPTOR, 4);
		    result != INSPECT_OK || (result = inspect_adopt_unpacked(&table, nullptr)) != INSPECT_OK)
			throw std::runtime_error(inspect_error_text(result));
		run(argv[1]);
	} catch (const std::exception &error) {
		std::fprintf(stderr, "station: %s\n", error.what());
		return 1;
	}
	return 0;
}
