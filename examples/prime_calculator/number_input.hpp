// SPDX-License-Identifier: BSL-1.0
//
// Numbers as people write them. Decides which are taken; the others are refused, with where they stood.
#ifndef PRIME_CALCULATOR_NUMBER_INPUT_HPP
#define PRIME_CALCULATOR_NUMBER_INPUT_HPP

#include "primality.hpp"

#include <charconv>
#include <cstddef>
#include <istream>
#include <limits>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace primes {

/// What has been read so far.
class number_input {
  public:
    std::vector<number> numbers;
    std::vector<std::string> refusals; ///< a sentence each

    /// Takes `text`, blanks around it aside. `place` is where it stands.
    void take(std::string_view text, const std::string& place) {
        text = trimmed(text);
        const bool has_plus = text.starts_with('+');
        const std::string_view digits = text.substr(has_plus ? 1 : 0);
        number value{};
        const char* const end = digits.data() + digits.size();
        const auto [stopped, error] = std::from_chars(digits.data(), end, value);
        if (error == std::errc::invalid_argument || stopped != end || (has_plus && digits.starts_with('-')))
            refusals.push_back(place + ": " + quoted(text) + " is not a whole number");
        else if (error == std::errc::result_out_of_range)
            refusals.push_back(place + ": " + quoted(text) + " is out of range; the numbers go from " +
                               std::to_string(std::numeric_limits<number>::min()) + " to " +
                               std::to_string(std::numeric_limits<number>::max()));
        else
            numbers.push_back(value);
    }

    /// One number a line; blank lines are nothing.
    void take_lines(std::istream& lines) {
        std::string line;
        for (std::size_t i = 1; std::getline(lines, line); ++i)
            if (!trimmed(line).empty())
                take(line, "line " + std::to_string(i));
    }

    bool empty() const noexcept { return numbers.empty() && refusals.empty(); }

    /// For a message: whatever it holds, it fits into a line and does nothing to a terminal.
    static std::string quoted(std::string_view text) {
        constexpr std::size_t longest = 40;
        constexpr char hex[] = "0123456789abcdef";
        std::string result = "\"";
        for (const char c : text.substr(0, longest)) {
            const auto byte = static_cast<unsigned char>(c);
            if (byte >= 0x20 && byte < 0x7f)
                result += c;
            else
                result.append("\\x").append(1, hex[byte >> 4]).append(1, hex[byte & 15]);
        }
        return result + (text.size() > longest ? "...\"" : "\"");
    }

  private:
    static std::string_view trimmed(std::string_view text) noexcept {
        constexpr std::string_view blanks = " \t\r\n\v\f";
        const std::size_t first = text.find_first_not_of(blanks);
        if (first == std::string_view::npos)
            return {};
        return text.substr(first, text.find_last_not_of(blanks) - first + 1);
    }
};

} // namespace primes

#endif
