// SPDX-License-Identifier: BSL-1.0
//
// What Microsoft's PrimeNumberCalculator sample answers, as recorded by running it. But it calls numbers
// below 2 prime, and here they are not.
#ifndef PRIME_CALCULATOR_RECORDED_TABLE_HPP
#define PRIME_CALCULATOR_RECORDED_TABLE_HPP

#include "primality.hpp"
#include "task_table.hpp"

#include <algorithm>
#include <iterator>
#include <string>
#include <vector>

namespace primes {

/// The outcome of one number: how often progress was reported, and what the last report said.
struct recorded_task {
    number test_number;
    task_state result;
    number first_divisor;
    int reports;
    int last_percentage;
    number latest_prime;
};

inline constexpr recorded_task recorded_table[] = {
    {-7, task_state::not_prime, 0, 0, 0, 1}, // "Prime" in the sample, as are 0 and 1
    {0, task_state::not_prime, 0, 0, 0, 1},
    {1, task_state::not_prime, 0, 0, 0, 1},
    {2, task_state::prime, 1, 0, 0, 1},
    {3, task_state::prime, 1, 0, 0, 1},
    {4, task_state::composite, 2, 0, 0, 1},
    {5, task_state::prime, 1, 0, 0, 1},
    {9, task_state::composite, 3, 2, 77, 7},
    {15, task_state::composite, 3, 4, 86, 13},
    {25, task_state::composite, 5, 7, 92, 23},
    {30, task_state::composite, 2, 8, 96, 29},
    {49, task_state::composite, 7, 13, 95, 47},
    {97, task_state::prime, 1, 22, 91, 89},
    {100, task_state::composite, 2, 23, 97, 97},
    {7919, task_state::prime, 1, 997, 99, 7907},
    {7920, task_state::composite, 2, 998, 99, 7919},
    {196249, task_state::composite, 443, 17676, 99, 196247},
    {199998, task_state::composite, 2, 17981, 99, 199967},
    {199999, task_state::prime, 1, 17981, 99, 199967},
};

/// What is tested when nobody says what: the recorded numbers, and two that take long enough to be watched.
inline std::vector<number> default_numbers() {
    std::vector<number> result;
    for (const recorded_task& recorded : recorded_table)
        result.push_back(recorded.test_number);
    result.insert(result.end(), {2750159, 3996001}); // a prime, and the square of one
    return result;
}

/// Null when the number was not recorded.
inline const recorded_task* find_recorded(number test_number) noexcept {
    const auto* const found = std::ranges::find(recorded_table, test_number, &recorded_task::test_number);
    return found != std::end(recorded_table) ? found : nullptr;
}

/// Says in what an ended row differs from the record; empty when in nothing.
inline std::string difference(const task_row& row, const recorded_task& recorded) {
    const auto differs = [](const char* what, auto here, auto there) {
        return std::string{what} + " is " + std::to_string(here) + ", recorded is " + std::to_string(there);
    };
    if (row.state != recorded.result)
        return "the result is " + result_text(row.state) + ", recorded is " + result_text(recorded.result);
    if (row.first_divisor != recorded.first_divisor)
        return differs("the first divisor", row.first_divisor, recorded.first_divisor);
    if (row.reports != recorded.reports)
        return differs("the number of reports", row.reports, recorded.reports);
    if (row.percentage != recorded.last_percentage)
        return differs("the last percentage", row.percentage, recorded.last_percentage);
    if (row.current != recorded.latest_prime)
        return differs("the latest prime", row.current, recorded.latest_prime);
    return {};
}

} // namespace primes

#endif
