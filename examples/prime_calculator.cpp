// SPDX-License-Identifier: BSL-1.0
//
// Many tests run on a thread pool at once, and all that they report comes home to the main thread, whose
// table needs no lock. This is Microsoft's PrimeNumberCalculator sample with a console for a form: it answers
// what that answered when it was recorded, and ends by itself.
//
// test: --recorded --check
// test: --recorded --cancel 17 --cancel 19 --cancel 4
// test: --recorded --timeout 0
// test: --timeout 50 --cancel 2 2147483647 2147483646 -2147483648 -- -7
// test: --help
#include "prime_calculator/command_line.hpp"
#include "prime_calculator/interrupt_watch.hpp"
#include "prime_calculator/number_input.hpp"
#include "prime_calculator/prime_number_calculator.hpp"
#include "prime_calculator/recorded_table.hpp"
#include "prime_calculator/task_display.hpp"
#include "prime_calculator/task_table.hpp"

#include "eap/contexts/event_loop.hpp"
#include "eap/errors.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <iostream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <poll.h>
#include <unistd.h>

namespace {

using namespace primes;

constexpr number cancel_at = 101;
constexpr int reports_to_cancel_at = 24; // the primes from 5 to 101

/// Owns the table, starts the tests, and hears of them; all of it on the main thread, which it checks.
class form {
  public:
    form(const command_line& wanted, eap::event_loop& home)
        : wanted_(wanted), home_(home), display_(table_, home.context()), calculator_(home.context()) {
        for (const number test_number : wanted.input.numbers)
            table_.add(test_number);
        calculator_.on_progress_changed = [this](const auto& e) { progress_changed(e); };
        calculator_.on_calculate_prime_completed = [this](const auto& e) { completed(e); };
    }

    /// Tests all numbers. Returns when nothing is outstanding.
    void run() {
        const interrupt_watch watch{[this, home = home_.context()] { home.post([this] { cancel_all(); }); }};
        for (const task_row& row : table_.rows()) {
            test_limits limits;
            if (wanted_.timeout)
                limits.timeout = *wanted_.timeout;
            if (is_to_cancel(row))
                limits.hold_at = cancel_at;
            calculator_.calculate_prime_async(row.test_number, row.task_id, limits);
        }
        display_.changed();
        home_.run();
    }

    /// Shows the final table, and what it proves. True when all is as it should be.
    bool conclude() {
        display_.finish();

        const auto& rows = table_.rows();
        long long reports = 0;
        std::size_t compared = 0;
        std::size_t faults = 0;
        for (task_row& row : table_.rows()) {
            judge(row);
            reports += row.reports;
            compared += row.has_result() && find_recorded(row.test_number) != nullptr ? 1 : 0;
            if (!row.fault.empty()) {
                ++faults;
                std::cerr << "prime_calculator: " << row.task_id << " (" << row.test_number
                          << "): " << row.fault << '\n';
            } else if (is_named(row) && row.test_number <= cancel_at) {
                std::cerr << "prime_calculator: " << row.task_id << " ended before its current prime was "
                          << cancel_at << "; there was nothing to cancel\n";
            }
        }
        const bool well =
            faults == 0 && strays_ == 0 && completed_ == rows.size() && calculator_.pending() == 0;
        std::cout << rows.size() << " started, " << completed_ << " completed, " << reports << " reports, "
                  << (strays_ == 0 ? "" : "NOT ") << "every handler on the main thread;\n"
                  << compared << " results compared with the recorded table, "
                  << (well ? "everything" : "NOT everything") << " as it should be.\n"
                  << std::flush;
        if (calculator_.pending() != 0)
            std::cerr << "prime_calculator: the manager still counts operations that have ended\n";
        return well;
    }

  private:
    // ---- what comes home ----

    //! [handlers]
    void progress_changed(const calculate_prime_progress& e) {
        if (!is_at_home())
            return;
        task_row& row = table_.find(e.user_state());
        if (row.ended())
            row.blame("progress came after its completion");
        if (e.value() <= row.current || e.progress_percentage() < row.percentage)
            row.blame("progress went backwards");
        row.state = task_state::running;
        row.percentage = e.progress_percentage();
        row.current = e.value();
        ++row.reports;
        if (row.current == cancel_at && is_to_cancel(row))
            calculator_.cancel_async(e.user_state());
        display_.changed();
    }

    void completed(const calculate_prime_completed& e) {
        if (!is_at_home())
            return;
        task_row& row = table_.find(e.user_state());
        if (row.ended())
            row.blame("it completed twice");
        ++completed_;
        try {
            const primality found = e.result();
            row.first_divisor = found.first_divisor;
            row.state = found.is_prime             ? task_state::prime
                        : found.first_divisor == 0 ? task_state::not_prime
                                                   : task_state::composite;
        } catch (const eap::operation_cancelled&) {
            row.state = task_state::canceled;
        } catch (const eap::operation_timed_out&) {
            row.state = task_state::timed_out;
        } catch (const std::exception& error) {
            row.state = task_state::failed;
            row.error = error.what();
        }
        display_.ended(row);
    }
    //! [handlers]

    void cancel_all() {
        interrupted_ = true;
        calculator_.cancel_all();
    }

    bool is_at_home() {
        const bool at_home = std::this_thread::get_id() == main_thread_;
        if (!at_home)
            ++strays_;
        return at_home;
    }

    // ---- whether it was as it should be ----

    bool is_named(const task_row& row) const {
        return wanted_.cancel_rows.contains(static_cast<std::size_t>(&row - table_.rows().data()) + 1);
    }
    bool is_to_cancel(const task_row& row) const { return is_named(row) && row.test_number > cancel_at; }

    void judge(task_row& row) const {
        const recorded_task* const recorded = find_recorded(row.test_number);
        if (!row.ended())
            row.blame("it never completed");
        else if (row.state == task_state::failed)
            row.blame(row.error);
        else if (row.state == task_state::canceled)
            judge_canceled(row);
        else if (row.state == task_state::timed_out) {
            if (!wanted_.timeout || wanted_.check)
                row.blame("it timed out");
        } else if (is_to_cancel(row))
            row.blame("it was to be canceled, and ended with a result");
        else if (recorded != nullptr) {
            if (const std::string what = difference(row, *recorded); !what.empty())
                row.blame(what);
        } else if (wanted_.check)
            row.blame("the recorded table does not hold this number");
    }
    void judge_canceled(task_row& row) const {
        if (interrupted_)
            return;
        if (!is_to_cancel(row))
            row.blame("it was canceled, and nobody had asked for it");
        else if (row.current != cancel_at || row.reports != reports_to_cancel_at)
            row.blame("it was canceled at " + std::to_string(row.current) + " after " +
                      std::to_string(row.reports) + " reports, but should have been at " +
                      std::to_string(cancel_at) + " after " + std::to_string(reports_to_cancel_at));
    }

    const command_line& wanted_;
    eap::event_loop& home_;
    task_table table_;
    task_display display_;
    prime_number_calculator calculator_;
    const std::thread::id main_thread_ = std::this_thread::get_id();
    std::atomic<int> strays_ = 0; // the one thing that a handler on a wrong thread may touch
    std::size_t completed_ = 0;
    bool interrupted_ = false;
};

/// Fills in the numbers that the arguments did not bring.
void find_numbers(command_line& wanted) {
    number_input& input = wanted.input;
    if (!wanted.has_numbers && !wanted.recorded && ::isatty(STDIN_FILENO) != 1) {
        pollfd standard_input{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
        if (::poll(&standard_input, 1, 2000) == 0)
            std::cerr
                << "prime_calculator: waiting for numbers on standard input; --recorded does not read it\n";
        input.take_lines(std::cin);
    }
    if (wanted.recorded)
        for (const recorded_task& recorded : recorded_table)
            input.numbers.push_back(recorded.test_number);
    else if (!wanted.has_numbers && input.empty())
        input.numbers = default_numbers();
    if (!wanted.cancel_rows.empty() && *wanted.cancel_rows.rbegin() > input.numbers.size())
        throw bad_option{"There is no row " + std::to_string(*wanted.cancel_rows.rbegin()) +
                         " to cancel; the last is row " + std::to_string(input.numbers.size()) + "."};
}

} // namespace

int main(int argc, char** argv) {
    try {
        command_line wanted{std::vector<std::string>(argv + std::min(argc, 1), argv + argc)};
        if (wanted.help) {
            std::cout << usage << std::flush;
            return std::cout ? 0 : 1;
        }
        find_numbers(wanted);
        for (const std::string& refusal : wanted.input.refusals)
            std::cerr << "prime_calculator: " << refusal << '\n';

        if (wanted.input.numbers.empty())
            throw std::runtime_error{"there is nothing to test"};

        eap::event_loop home;
        form form{wanted, home};
        form.run();
        const bool all_well = form.conclude();
        if (!std::cout)
            throw std::runtime_error{"the output could not be written"};
        return all_well && wanted.input.refusals.empty() ? 0 : 1;
    } catch (const bad_option& error) {
        std::cerr << "prime_calculator: " << error.what() << '\n';
        return 2;
    } catch (const std::exception& error) {
        std::cerr << "prime_calculator: " << error.what() << '\n';
        return 1;
    }
}
