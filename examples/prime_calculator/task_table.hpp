// SPDX-License-Identifier: BSL-1.0
//
// The list of tasks, as the form shows it: six columns, and a state for each row. Knows neither how it is
// drawn nor who changes it; everything here belongs to the main thread.
#ifndef PRIME_CALCULATOR_TASK_TABLE_HPP
#define PRIME_CALCULATOR_TASK_TABLE_HPP

#include "primality.hpp"

#include "eap/user_state.hpp"

#include <cstddef>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace primes {

enum class task_state { not_started, running, prime, composite, not_prime, canceled, timed_out, failed };

/// One task, from "Not Started" to its result.
struct task_row {
    number test_number;
    std::string task_id;
    task_state state = task_state::not_started;
    int percentage = 0;
    number current = 1;
    number first_divisor = 0;
    int reports = 0;
    std::string error = {}; ///< what a failed task said
    std::string fault = {}; ///< the first thing that was not as it should be

    bool ended() const noexcept { return state > task_state::running; }
    bool has_result() const noexcept { return ended() && state < task_state::canceled; }

    void blame(std::string what) {
        if (fault.empty())
            fault = std::move(what);
    }
};

inline std::string result_text(task_state state) {
    switch (state) {
    case task_state::not_started:
    case task_state::running:
        return "---";
    case task_state::prime:
        return "Prime";
    case task_state::composite:
        return "Composite";
    case task_state::not_prime:
        return "Not prime";
    case task_state::canceled:
        return "Canceled";
    case task_state::timed_out:
        return "Timed out";
    case task_state::failed:
        return "Error";
    }
    return {};
}

inline std::string progress_text(const task_row& row) {
    if (row.reports > 0)
        return std::to_string(row.percentage) + " %";
    return row.ended() ? "---" : "Not Started";
}

inline std::string first_divisor_text(const task_row& row) {
    return row.first_divisor > 0 ? std::to_string(row.first_divisor) : "---";
}

/// The rows in the order in which they were added, each found by its task id.
class task_table {
  public:
    task_row& add(number test_number) {
        std::string id = "task-" + std::to_string(rows_.size() + 1);
        index_.emplace(id, rows_.size());
        return rows_.emplace_back(task_row{.test_number = test_number, .task_id = std::move(id)});
    }
    /// Throws std::out_of_range when there is none.
    task_row& find(const eap::user_state& task_id) { return rows_[index_.at(task_id)]; }

    std::vector<task_row>& rows() noexcept { return rows_; }
    const std::vector<task_row>& rows() const noexcept { return rows_; }

  private:
    std::vector<task_row> rows_;
    std::unordered_map<eap::user_state, std::size_t> index_;
};

} // namespace primes

#endif
