// SPDX-License-Identifier: BSL-1.0
//
// A call with two ref parameters is begun on one thread, runs on another, and is ended by its callback, or by whoever
// waited for it; the variables given at its beginning stay as they were. This is Microsoft's "Asynchronous Delegates
// Programming Sample", and prints what that printed. Its number is not the long computation that it was said to be:
// 7 divides it. The prime 1000000007 is one.
//
// test: 1000589023 2 3 97 4 9 15 49 -5 0 1
// test: 1000000007
#include "eap/delegate.hpp"

#include <atomic>
#include <charconv>
#include <chrono>
#include <iostream>
#include <map>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;

const std::thread::id main_thread = std::this_thread::get_id();
std::atomic<int> run_here = 0; // calls that ran on the main thread
std::atomic<int> run_elsewhere = 0;

/// The smallest factor and the other one; 1, the number itself and false when there are none.
bool factorize(int number, int& factor1, int& factor2) {
    ++(std::this_thread::get_id() == main_thread ? run_here : run_elsewhere);
    factor1 = 1;
    factor2 = number;
    for (int i = 2; i <= number / i; ++i) {
        if (number % i == 0) {
            factor1 = i;
            factor2 = number / i;
            break;
        }
    }
    return factor1 != 1;
}

//! [declare]
using factorizer = eap::delegate<bool(int, int&, int&)>;
const factorizer factor = factorize;
//! [declare]

// ---- what is shown, and whether it is so ----

int shown = 0;
bool all_so = true;

void claim(bool holds, std::string_view what) {
    if (holds)
        return;
    std::cerr << "factorize: it is NOT so that " << what << '\n';
    all_so = false;
}

/// What the sample answered when it was recorded; and the prime.
const std::map<int, std::string_view> recorded = {
    {-5, "1 -5 - False"},
    {0, "1 0 - False"},
    {1, "1 1 - False"},
    {2, "1 2 - False"},
    {3, "1 3 - False"},
    {4, "2 2 - True"},
    {9, "3 3 - True"},
    {15, "3 5 - True"},
    {49, "7 7 - True"},
    {97, "1 97 - False"},
    {1000589023, "7 142941289 - True"},
    {1000000007, "1 1000000007 - False"},
};

void show(std::string_view way, int number, int factor1, int factor2, bool found) {
    const std::string answer =
        std::to_string(factor1) + ' ' + std::to_string(factor2) + (found ? " - True" : " - False");
    std::cout << way << " Factors of " << number << " : " << answer << (found ? "\n" : ", no factors\n");

    ++shown;
    const auto known = recorded.find(number);
    claim(known == recorded.end() || known->second == answer, "the answer is the recorded one");
    claim(factor1 * factor2 == number && found == (factor1 != 1), "the answer is right");
}

// ---- the sample ----

//! [callback]
void factor_with_callback(int number) {
    int temp = 0; // for both ref parameters: the call works on values of its own
    const auto call = factor.begin_invoke(
        number, temp, temp,
        [](const factorizer::call_type& ended) {
            int factor1 = 0;
            int factor2 = 0;
            const bool found = factor.end_invoke(factor1, factor2, ended);
            show("On CallBack:", ended.async_state().get<int>(), factor1, factor2, found);
        },
        number);
    call.wait_callback(); // it has returned: no event to set, no sleep that might be long enough
    claim(temp == 0, "beginning writes nothing to a ref variable");
}
//! [callback]

//! [wait]
void factor_and_wait(int number) {
    int temp = 0;
    const auto call = factor.begin_invoke(number, temp, temp);

    while (!call.is_completed()) {
        // whatever else there is to do
        call.wait_for(10s);
    }

    int factor1 = 0;
    int factor2 = 0;
    const bool found = factor.end_invoke(factor1, factor2, call); // or call.end_invoke(factor1, factor2)
    show("Sequential :", number, factor1, factor2, found);
    claim(temp == 0, "beginning writes nothing to a ref variable");
}
//! [wait]

} // namespace

int main(int argc, char** argv) {
    std::vector<int> numbers;
    for (int i = 1; i < argc; ++i) {
        const std::string_view text = argv[i];
        int number = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
        if (error != std::errc{} || end != text.data() + text.size()) {
            std::cerr << "factorize: \"" << text << "\" is no number that an int can hold\n";
            return 2;
        }
        numbers.push_back(number);
    }
    if (numbers.empty())
        numbers = {1000589023, 1000000007};

    for (const int number : numbers) {
        factor_with_callback(number);
        factor_and_wait(number);
    }

    const int calls = 2 * static_cast<int>(numbers.size());
    claim(shown == calls, "each call has come back once");
    claim(run_here == 0 && run_elsewhere == calls, "each call ran on another thread");
    return all_so ? 0 : 1;
}
