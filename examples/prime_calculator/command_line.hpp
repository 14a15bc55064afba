// SPDX-License-Identifier: BSL-1.0
//
// What the user asks for. Decides what the arguments mean; does none of it.
#ifndef PRIME_CALCULATOR_COMMAND_LINE_HPP
#define PRIME_CALCULATOR_COMMAND_LINE_HPP

#include "number_input.hpp"

#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace primes {

inline constexpr std::string_view usage =
    R"(usage: prime_calculator [--cancel ROW]... [--timeout MS] [--check] [--recorded] [NUMBER]...

Tests numbers for primality, all at once on a thread pool, and shows how far each test is.
The numbers are the arguments, else the lines of standard input, else (when that is a terminal or empty) those
of the recorded table and two larger ones. They go from -2147483648 to 2147483647.

  --cancel ROW   cancel the test in this row of the table, counted from 1, when its current prime is 101;
                 may be repeated. A number up to 101 gets no further than 97: its test ends by itself.
  --timeout MS   give each test this many milliseconds, the wait for a thread included; 0 has passed at once
  --check        fail also for rows without a recorded result to compare with, and for time-outs
  --recorded     test just the numbers of the recorded table; standard input is not read
  --help         show this

The recorded table is what Microsoft's sample of this name answers, but for the numbers below 2, which it
calls prime. Numbers in that table are always compared with it: result, first divisor, number of reports,
last percentage, latest prime.

On a terminal, each test has a live row; NO_COLOR turns colours off. Ctrl-C cancels all tests and shows the
table; a second one ends the program at once.

exit status: 0  every test ended as it should: with the recorded result if there is one, canceled or timed out
                only when asked to be; and every handler ran on the main thread
             1  some did not, or input was refused, or the output could not be written
             2  an option was wrong; nothing was run
)";

/// An option that can not be followed; the message says why, and what would do.
struct bad_option : std::runtime_error {
    using std::runtime_error::runtime_error;
};

class command_line {
  public:
    bool help = false;
    bool check = false;
    bool recorded = false;
    bool has_numbers = false; ///< be they refused
    std::set<std::size_t> cancel_rows;
    std::optional<std::chrono::milliseconds> timeout;
    number_input input;

    /// Errors        bad_option
    explicit command_line(const std::vector<std::string>& arguments) {
        bool options_ended = false;
        for (std::size_t i = 0; i < arguments.size(); ++i) {
            const std::string& argument = arguments[i];
            const std::size_t equals = argument.find('=');
            const std::string name = argument.substr(0, equals);
            const bool is_option = !options_ended && argument.size() > 1 && argument[0] == '-' &&
                                   (argument[1] < '0' || argument[1] > '9'); // "-7" is a number
            if (!is_option) {
                has_numbers = true;
                input.take(argument, "argument " + std::to_string(i + 1));
            } else if (name == "--cancel" || name == "--timeout") {
                const bool is_apart = equals == std::string::npos;
                if (is_apart && i + 1 == arguments.size())
                    throw bad_option{name + " wants a number after it."};
                take(name, is_apart ? arguments[++i] : argument.substr(equals + 1));
            } else if (argument == "--") {
                options_ended = true;
            } else if (argument == "--help" || argument == "-h") {
                help = true;
            } else if (argument == "--check") {
                check = true;
            } else if (argument == "--recorded") {
                recorded = true;
            } else {
                throw bad_option{number_input::quoted(argument) + " is not an option; --help shows them."};
            }
        }
        if (recorded && has_numbers)
            throw bad_option{"--recorded brings its own numbers. Leave it out, or the others."};
    }

  private:
    void take(const std::string& name, const std::string& text) {
        std::int32_t value{};
        const char* const end = text.data() + text.size();
        const auto [stopped, error] = std::from_chars(text.data(), end, value);
        const bool is_row = name == "--cancel";
        if (error != std::errc{} || stopped != end || value < (is_row ? 1 : 0))
            throw bad_option{name + " wants " +
                             (is_row ? "the number of a row, 1 or more" : "milliseconds, 0 or more") +
                             ", not " + number_input::quoted(text) + "."};
        if (is_row)
            cancel_rows.insert(static_cast<std::size_t>(value));
        else
            timeout = std::chrono::milliseconds{value};
    }
};

} // namespace primes

#endif
