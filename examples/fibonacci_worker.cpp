// SPDX-License-Identifier: BSL-1.0
//
// A worker computes Fibonacci numbers elsewhere; its progress and its one end come home, as a result, an error or as
// cancelled. This is Microsoft's BackgroundWorker sample with a console for a form, and answers what that answered when
// it was recorded.
//
// test:
// test: 0 1 10 20 -1 92 91
// test: 25
#include "eap/background_worker.hpp"
#include "eap/contexts/event_loop.hpp"
#include "eap/scoped_context.hpp"

#include <charconv>
#include <cstdint>
#include <exception>
#include <iostream>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

namespace {

//! [worker]
using fibonacci_worker = eap::background_worker<int, std::int64_t>;
using fibonacci_args = eap::do_work_event_args<int, std::int64_t>;

/// Computes recursively, as the sample does: so it takes long, and can be asked to stop at every step.
class fibonacci {
  public:
    explicit fibonacci(fibonacci_args& e) : e_(e), number_(e.argument()) {
        if (number_ < 0 || number_ > 91)
            throw std::invalid_argument{"value must be >= 0 and <= 91"};
    }

    std::int64_t compute(int n) {
        if (e_.cancellation_pending())
            return 0; // the handler looks as well, and says so
        const std::int64_t result = n < 2 ? 1 : compute(n - 1) + compute(n - 2);
        if (const int percentage = number_ > 0 ? 100 * n / number_ : 0; percentage > highest_) {
            highest_ = percentage;
            e_.report_progress(percentage);
        }
        return result;
    }

  private:
    fibonacci_args& e_;
    const int number_;
    int highest_ = 0;
};

void do_work(fibonacci_args& e) {
    const std::int64_t result = fibonacci{e}.compute(e.argument());
    if (e.cancellation_pending())
        e.set_cancelled();
    else
        e.set_result(result);
}
//! [worker]

/// What came home of one run.
struct outcome {
    std::string text;
    std::vector<int> percentages;

    bool operator==(const outcome&) const = default;
};

std::vector<int> steps_of(int step) {
    std::vector<int> all;
    for (int percentage = step; percentage <= 100; percentage += step)
        all.push_back(percentage);
    return all;
}

const std::string out_of_range = "error: value must be >= 0 and <= 91";
const std::map<int, outcome> recorded = {
    {0, {"1", {}}},
    {1, {"1", {100}}},
    {10, {"89", steps_of(10)}},
    {20, {"10946", steps_of(5)}},
    {-1, {out_of_range, {}}},
    {92, {out_of_range, {}}},
};
constexpr int too_long = 35; // from here on, the example cancels what it has begun

//! [form]
/// The client: starts runs one after the other, and hears of them on the thread of its loop.
class form {
  public:
    form() {
        worker_.set_worker_reports_progress(true);
        worker_.set_worker_supports_cancellation(true);
        worker_.do_work += do_work;
        worker_.progress_changed += [this](const auto& e) {
            at_home_ = at_home_ && std::this_thread::get_id() == main_thread_;
            came_.percentages.push_back(e.progress_percentage());
        };
        worker_.run_worker_completed += [this](const auto& e) {
            at_home_ = at_home_ && std::this_thread::get_id() == main_thread_;
            came_.text = e.error() != nullptr ? "error: " + message_of(e.error())
                         : e.cancelled()      ? "Canceled"
                                              : std::to_string(e.result());
        };
    }

    outcome run(int number) {
        const eap::scoped_context here{loop_.context()};
        came_ = {"(no result)", {}};
        worker_.run_worker_async(number);
        if (number >= too_long && number <= 91)
            worker_.cancel_async();
        loop_.run();
        return came_;
    }
    //! [form]

    bool was_always_at_home() const { return at_home_; }

  private:
    static std::string message_of(const std::exception_ptr& error) {
        try {
            std::rethrow_exception(error);
        } catch (const std::exception& e) {
            return e.what();
        }
    }

    eap::event_loop loop_;
    fibonacci_worker worker_;
    outcome came_;
    const std::thread::id main_thread_ = std::this_thread::get_id();
    bool at_home_ = true;
};

} // namespace

int main(int argc, char** argv) {
    std::vector<int> numbers;
    for (int i = 1; i < argc; ++i) {
        const std::string_view text = argv[i];
        int number = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
        if (error != std::errc{} || end != text.data() + text.size()) {
            std::cerr << "fibonacci_worker: \"" << text << "\" is no number that an int can hold\n";
            return 2;
        }
        numbers.push_back(number);
    }
    if (numbers.empty())
        numbers = {0, 1, 10, 20, -1, 92, 91};

    bool as_expected = true;
    form form;
    for (const int number : numbers) {
        const outcome came = form.run(number);
        std::cout << "Fibonacci(" << number << "): " << came.text << " [";
        for (const char* separator = ""; const int percentage : came.percentages) {
            std::cout << separator << percentage;
            separator = " ";
        }
        std::cout << "]\n";
        if (const auto known = recorded.find(number); known != recorded.end())
            as_expected = as_expected && came == known->second;
        else
            as_expected = as_expected && (number < too_long || came.text == "Canceled");
    }
    as_expected = as_expected && form.was_always_at_home();
    std::cout << (as_expected ? "as recorded, every handler on the main thread\n" : "NOT as recorded\n");
    return as_expected ? 0 : 1;
}
