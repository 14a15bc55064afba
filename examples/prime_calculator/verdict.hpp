// SPDX-License-Identifier: BSL-1.0
//
// Whether all was as it should be: what the example proves, and nothing that a program of yours would need.
#ifndef PRIME_CALCULATOR_VERDICT_HPP
#define PRIME_CALCULATOR_VERDICT_HPP

#include "command_line.hpp"
#include "primality.hpp"
#include "recorded_table.hpp"
#include "task_table.hpp"

#include <atomic>
#include <cstddef>
#include <iostream>
#include <string>
#include <thread>

namespace primes {

inline constexpr number cancel_at = 101;
inline constexpr int reports_to_cancel_at = 24; // the primes from 5 to 101

/// Watches the handlers of the client, and judges its table in the end. Made on the main thread.
class verdict {
  public:
    explicit verdict(const command_line& wanted) : wanted_(wanted) {}

    /// Whether a handler is where it should be.
    bool is_at_home() {
        const bool at_home = std::this_thread::get_id() == main_thread_;
        if (!at_home)
            ++strays_;
        return at_home;
    }
    void progress_came(task_row& row, number latest, int percentage) const {
        if (row.ended())
            row.blame("progress came after its completion");
        if (latest <= row.current || percentage < row.percentage)
            row.blame("progress went backwards");
    }
    void completion_came(task_row& row) {
        if (row.ended())
            row.blame("it completed twice");
        ++completed_;
    }
    void was_interrupted() { interrupted_ = true; }

    /// Whether the command line wants this row to be canceled, and its number is one that gets so far.
    bool is_to_cancel(const task_table& table, const task_row& row) const {
        return is_named(table, row) && row.test_number > cancel_at;
    }

    /// Says what the table proves. True when all is as it should be.
    bool conclude(task_table& table, std::size_t pending) {
        long long reports = 0;
        std::size_t compared = 0;
        std::size_t faults = 0;
        for (task_row& row : table.rows()) {
            judge(table, row);
            reports += row.reports;
            compared += row.has_result() && find_recorded(row.test_number) != nullptr ? 1 : 0;
            if (!row.fault.empty()) {
                ++faults;
                std::cerr << "prime_calculator: " << row.task_id << " (" << row.test_number
                          << "): " << row.fault << '\n';
            } else if (is_named(table, row) && row.test_number <= cancel_at) {
                std::cerr << "prime_calculator: " << row.task_id << " ended before its current prime was "
                          << cancel_at << "; there was nothing to cancel\n";
            }
        }
        const std::size_t started = table.rows().size();
        const bool well = faults == 0 && strays_ == 0 && completed_ == started && pending == 0;
        std::cout << started << " started, " << completed_ << " completed, " << reports << " reports, "
                  << (strays_ == 0 ? "" : "NOT ") << "every handler on the main thread;\n"
                  << compared << " results compared with the recorded table, "
                  << (well ? "everything" : "NOT everything") << " as it should be.\n"
                  << std::flush;
        if (pending != 0)
            std::cerr << "prime_calculator: the method still counts invocations that have ended\n";
        return well;
    }

  private:
    bool is_named(const task_table& table, const task_row& row) const {
        return wanted_.cancel_rows.contains(static_cast<std::size_t>(&row - table.rows().data()) + 1);
    }

    void judge(const task_table& table, task_row& row) const {
        const recorded_task* const recorded = find_recorded(row.test_number);
        if (!row.ended())
            row.blame("it never completed");
        else if (row.state == task_state::failed)
            row.blame(row.error);
        else if (row.state == task_state::canceled)
            judge_canceled(table, row);
        else if (row.state == task_state::timed_out) {
            if (!wanted_.timeout || wanted_.check)
                row.blame("it timed out");
        } else if (is_to_cancel(table, row))
            row.blame("it was to be canceled, and ended with a result");
        else if (recorded != nullptr) {
            if (const std::string what = difference(row, *recorded); !what.empty())
                row.blame(what);
        } else if (wanted_.check)
            row.blame("the recorded table does not hold this number");
    }
    void judge_canceled(const task_table& table, task_row& row) const {
        if (interrupted_)
            return;
        if (!is_to_cancel(table, row))
            row.blame("it was canceled, and nobody had asked for it");
        else if (row.current != cancel_at || row.reports != reports_to_cancel_at)
            row.blame("it was canceled at " + std::to_string(row.current) + " after " +
                      std::to_string(row.reports) + " reports, but should have been at " +
                      std::to_string(cancel_at) + " after " + std::to_string(reports_to_cancel_at));
    }

    const command_line& wanted_;
    const std::thread::id main_thread_ = std::this_thread::get_id();
    std::atomic<int> strays_ = 0; // the one thing that a handler on a wrong thread may touch
    std::size_t completed_ = 0;
    bool interrupted_ = false;
};

} // namespace primes

#endif
