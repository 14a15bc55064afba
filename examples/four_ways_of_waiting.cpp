// SPDX-License-Identifier: BSL-1.0
//
// Four ways to have the outcome of a call that runs on another thread: end it, wait for it, poll it, or be called back.
// These are Microsoft's four samples, with their lines, and "another thread: yes" for the thread ids. How long the work
// takes is an argument, in milliseconds; nothing depends on it.
//
// test:
// test: 0
#include "eap/contexts/event_loop.hpp"
#include "eap/delegate.hpp"
#include "eap/scoped_context.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <iostream>
#include <mutex>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

const std::thread::id main_thread = std::this_thread::get_id();

std::mutex mutex;
std::vector<std::string> said; // guarded by mutex

void say(const std::string& text, const char* end = "\n") {
    const std::lock_guard lock{mutex};
    std::cout << text << end << std::flush;
    said.push_back(text);
}

//! [target]
/// Takes its time, and says on which thread.
std::string test_method(milliseconds call_duration, std::thread::id& thread) {
    say("Test method begins.");
    std::this_thread::sleep_for(call_duration); // the work
    thread = std::this_thread::get_id();
    return "My call time was " + std::to_string(call_duration.count()) + ".";
}

using async_method_caller = eap::delegate<std::string(milliseconds, std::thread::id&)>;
const async_method_caller caller = test_method;
//! [target]

const std::string result_format = R"(The call executed on another thread: {0}, with return value "{1}".)";

std::string formatted(std::string format, std::thread::id thread, const std::string& return_value) {
    format.replace(format.find("{0}"), 3, thread != main_thread ? "yes" : "NO");
    return format.replace(format.find("{1}"), 3, return_value);
}

//! [end]
void by_ending(milliseconds call_duration) {
    const auto call = caller.begin_invoke(call_duration, {});
    say("Main thread does some work.");

    std::thread::id thread;
    const std::string return_value = call.end_invoke(thread); // waits
    say(formatted(result_format, thread, return_value));
}
//! [end]

//! [wait]
void by_waiting(milliseconds call_duration) {
    const auto call = caller.begin_invoke(call_duration, {});
    say("Main thread does some work.");
    call.wait();

    std::thread::id thread;
    const std::string return_value = call.end_invoke(thread); // does not wait
    say(formatted(result_format, thread, return_value));
}
//! [wait]

//! [poll]
void by_polling(milliseconds call_duration) {
    const auto call = caller.begin_invoke(call_duration, {});
    while (!call.wait_for(std::max<milliseconds>(call_duration / 12, 1ms))) // or ask call.is_completed()
        say(".", "");

    std::thread::id thread;
    const std::string return_value = call.end_invoke(thread);
    say('\n' + formatted(result_format, thread, return_value));
}
//! [poll]

//! [callback]
void by_callback(milliseconds call_duration) {
    eap::event_loop loop;
    const eap::scoped_context home{loop.context()}; // where callbacks of what is begun here will run

    caller.begin_invoke(
        call_duration, {},
        [](const async_method_caller::call_type& call) {
            std::thread::id thread;
            const std::string return_value = call.end_invoke(thread);
            say(formatted(call.async_state().get<std::string>(), thread, return_value));
        },
        result_format);
    say("The main thread continues to execute...");

    loop.run(); // until the callback has returned
    say("The main thread ends.");
}
//! [callback]

/// Whether that is what `way` says. The main thread says it in this order; where the target comes in is not fixed.
bool says(const std::vector<std::string>& expected, void (*way)(milliseconds), milliseconds call_duration) {
    way(call_duration);
    const std::lock_guard lock{mutex};
    std::vector<std::string> lines = std::exchange(said, {});
    std::erase(lines, ".");
    const bool so = std::erase(lines, "Test method begins.") == 1 && lines == expected;
    if (!so)
        std::cerr << "four_ways_of_waiting: these are NOT the lines of the sample\n";
    return so;
}

} // namespace

int main(int argc, char** argv) {
    milliseconds::rep duration = 300;
    if (argc > 1) {
        const std::string_view text = argv[1];
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), duration);
        if (argc > 2 || error != std::errc{} || end != text.data() + text.size() || duration < 0 ||
            duration > 60000) {
            std::cerr << "four_ways_of_waiting: give one duration at most, from 0 to 60000 milliseconds\n";
            return 2;
        }
    }
    const milliseconds call_duration{duration};

    const std::string work = "Main thread does some work.";
    const std::string result =
        "The call executed on another thread: yes, with return value \"My call time was " +
        std::to_string(duration) + ".\".";
    const bool so[] = {
        says({work, result}, by_ending, call_duration),
        says({work, result}, by_waiting, call_duration),
        says({'\n' + result}, by_polling, call_duration),
        says({"The main thread continues to execute...", result, "The main thread ends."}, by_callback,
             call_duration),
    };
    return std::ranges::find(so, false) == std::end(so) ? 0 : 1;
}
