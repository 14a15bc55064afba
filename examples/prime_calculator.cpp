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
#include "prime_calculator/primality.hpp"
#include "prime_calculator/prime_number_calculator.hpp"
#include "prime_calculator/recorded_table.hpp"
#include "prime_calculator/task_display.hpp"
#include "prime_calculator/task_table.hpp"
#include "prime_calculator/verdict.hpp"

#include "eap/completed_event_args.hpp"
#include "eap/contexts/event_loop.hpp"
#include "eap/errors.hpp"
#include "eap/operation_options.hpp"
#include "eap/progress_changed_event_args.hpp"
#include "eap/scoped_context.hpp"

#include <algorithm>
#include <exception>
#include <iostream>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <poll.h>
#include <unistd.h>

namespace {

using namespace primes;

/// The client: owns the table, starts the tests, and hears of them; all of it on the main thread.
class form {
  public:
    form(const command_line& wanted, eap::event_loop& home)
        : home_(home), verdict_(wanted), display_(table_, home.context()),
          calculator_(
              {.timeout = wanted.timeout ? *wanted.timeout : eap::no_timeout, .name = "calculate_prime"}) {
        for (const number test_number : wanted.input.numbers)
            table_.add(test_number);
        //! [connect]
        calculator_.calculate_prime.progress_changed += [this](const auto& e) { progress_changed(e); };
        calculator_.calculate_prime.completed += [this](const auto& e) { completed(e); };
        //! [connect]
    }

    /// Tests all numbers. Returns when nothing is outstanding.
    void run() {
        const eap::scoped_context here{home_.context()}; // where the handlers of what is started here run
        const interrupt_watch watch{[this, home = home_.context()] { home.post([this] { cancel_all(); }); }};
        for (const task_row& row : table_.rows())
            calculator_.calculate_prime.start(row.test_number, hold_at(row), row.task_id);
        display_.changed();
        home_.run();
    }

    /// Shows the final table, and what it proves. True when all is as it should be.
    bool conclude() {
        display_.finish();
        return verdict_.conclude(table_, calculator_.calculate_prime.pending());
    }

  private:
    //! [handlers]
    void progress_changed(const eap::progress_changed_event_args<number>& e) {
        if (!verdict_.is_at_home())
            return;
        task_row& row = table_.find(e.user_state());
        verdict_.progress_came(row, e.value(), e.progress_percentage());
        row.state = task_state::running;
        row.percentage = e.progress_percentage();
        row.current = e.value();
        ++row.reports;
        if (row.current == hold_at(row))
            calculator_.calculate_prime.cancel(e.user_state());
        display_.changed();
    }

    void completed(const eap::completed_event_args<primality>& e) {
        if (!verdict_.is_at_home())
            return;
        task_row& row = table_.find(e.user_state());
        verdict_.completion_came(row);
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
        verdict_.was_interrupted();
        calculator_.calculate_prime.cancel_all();
    }
    std::optional<number> hold_at(const task_row& row) const {
        return verdict_.is_to_cancel(table_, row) ? std::optional{cancel_at} : std::nullopt;
    }

    eap::event_loop& home_;
    task_table table_;
    verdict verdict_;
    task_display display_;
    prime_number_calculator calculator_;
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
