// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A row that is withdrawn when its owner goes: register in the constructor, unregister in the destructor.
#ifndef REGISTERED_HPP
#define REGISTERED_HPP

#include <stdexcept>
#include <utility>

#include "inspect.h"

class Registered {
public:
	// Publishes a row; throws what the table says where it cannot. The memory that the row speaks of has to
	// outlive the guard.
	template <typename Row>
	Registered(inspect_runtime_table &table, const Row &row, const char *name) : table_(&table)
	{
		const int result = inspect_register(table_, &row, name, &handle_);

		if (result != INSPECT_OK)
			throw std::runtime_error(inspect_error_text(result));
	}

	Registered(Registered &&other) noexcept
		: table_(std::exchange(other.table_, nullptr)), handle_(other.handle_)
	{
	}

	Registered &operator=(Registered &&other) noexcept
	{
		std::swap(table_, other.table_);
		std::swap(handle_, other.handle_);
		return *this;
	}

	Registered(const Registered &) = delete;
	Registered &operator=(const Registered &) = delete;

	~Registered()
	{
		if (table_ != nullptr)
			inspect_unregister(table_, handle_);
	}

private:
	inspect_runtime_table *table_;
	inspect_handle handle_ = {};
};

#endif
