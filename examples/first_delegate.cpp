// SPDX-License-Identifier: BSL-1.0
//
// A call that was begun is ended once, with a value, the error it was left by, or as cancelled. The program in the
// region is complete. What stands around it proves that it writes what is said here, that several calls can be waited
// for, and that an error that nobody fetches is told.
#include <cstddef>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <streambuf>
#include <string>
#include <vector>

const std::string expected = R"(
//! [output]
here: 5050
there: 5050
error: nothing to add up
cancelled
//! [output]
)";

//! [program]
#include <eap/delegate.hpp>

#include <iostream>
#include <stdexcept>
#include <stop_token>

int sum_to(int last) {
    if (last < 0)
        throw std::invalid_argument{"nothing to add up"};
    return last * (last + 1) / 2;
}

int main() {
    const eap::delegate<int(int)> sum = sum_to;
    std::cout << "here: " << sum(100) << '\n';

    const auto there = sum.begin_invoke(100); // on a pool thread, while this one goes on
    const auto wrong = sum.begin_invoke(-1);
    const auto endless = eap::begin_invoke([](std::stop_token stop) {
        while (!stop.stop_requested())
            continue;
        throw eap::operation_cancelled{};
    });

    std::cout << "there: " << there.end_invoke() << '\n'; // waits for it

    try {
        wrong.end_invoke();
    } catch (const std::invalid_argument& error) { // as it was thrown
        std::cout << "error: " << error.what() << '\n';
    }

    endless.cancel();
    try {
        endless.end_invoke();
    } catch (const eap::operation_cancelled&) {
        std::cout << "cancelled\n";
    }
}
//! [program]

namespace {

bool several_calls_can_be_waited_for() {
    const eap::delegate<int(int)> sum = sum_to;
    //! [several]
    std::vector<eap::async_call<int(int)>> calls;
    for (const int last : {1, 2, 3, 4})
        calls.push_back(sum.begin_invoke(last));

    const std::size_t first = eap::wait_any(calls); // the index of one that is complete
    eap::wait_all(calls);

    int total = 0;
    for (const auto& call : calls)
        total += call.end_invoke();
    //! [several]
    return first < calls.size() && total == 1 + 3 + 6 + 10;
}

bool a_forgotten_error_is_told() {
    const eap::delegate<int(int)> sum = sum_to;
    std::string told;
    //! [forgotten]
    eap::on_unobserved_error([&told](const eap::unobserved_error& forgotten) {
        try {
            std::rethrow_exception(forgotten.error);
        } catch (const std::exception& error) {
            told = error.what();
        }
    });

    sum.begin_invoke(-1).wait(); // waiting throws nothing; and no end call follows
    //! [forgotten]
    eap::on_unobserved_error(nullptr);
    return told == "nothing to add up";
}

/// Stands for std::cout's buffer for as long as the program runs; what differs becomes the exit status.
class proof {
  public:
    proof() : screen_(std::cout.rdbuf(&written_)) {}
    ~proof() {
        std::cout.rdbuf(screen_);
        std::cout << written_.str() << std::flush;
        if ("\n//! [output]\n" + written_.str() + "//! [output]\n" != expected ||
            !several_calls_can_be_waited_for() || !a_forgotten_error_is_told())
            std::_Exit(EXIT_FAILURE);
    }

  private:
    std::stringbuf written_;
    std::streambuf* screen_;
} listening;

} // namespace
