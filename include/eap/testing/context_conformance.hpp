// SPDX-License-Identifier: BSL-1.0
//
// Layer 8 – the lab; not in eap.hpp. Whether a context keeps what the concept promises, and what its author says of it.
#ifndef EAP_TESTING_CONTEXT_CONFORMANCE_HPP
#define EAP_TESTING_CONTEXT_CONFORMANCE_HPP

#include "eap/testing/conformance_report.hpp"
#include "eap/testing/context_promises.hpp"

#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

namespace eap::testing {

namespace detail {

/// Runs the checks, each on a thread of its own, and waits for them, but not for ever.
template <class Make> class context_checks {
    using promises = context_promises<Make>;
    using stage = typename promises::stage;

  public:
    context_checks(Make make, const context_description& said) : make_(std::move(make)), said_(said) {}

    conformance_report run() {
        const bool is_stopped_by_counting = stage::has_run && !stage::has_stop;
        if (is_stopped_by_counting)
            basic("counting", &promises::counts_operations);
        basic("runs", &promises::runs);
        basic("inside", &promises::takes_from_inside);
        if (!said_.runs_inline)
            basic("deferred", &promises::defers);
        basic("wake-up", &promises::wakes_up);
        if (said_.uses_function_memory) // what is given back too late is gone
            basic("memory", &promises::uses_function_memory);
        else
            report_.omitted.emplace_back("memory");
        check("any thread", &promises::takes_from_any_thread);
        optional("order", said_.runs_in_order, &promises::keeps_order);
        optional("one at a time", said_.runs_one_at_a_time, &promises::runs_one_at_a_time);
        check("copies", &promises::copies_name_one_place);
        check("send", &promises::sends);
        optional("current context", said_.is_current_inside, &promises::is_current_inside);
        optional("its thread", said_.knows_its_thread, &promises::knows_its_thread);
        if (!is_stopped_by_counting)
            optional("counting", said_.counts_operations && stage::has_run, &promises::counts_operations);
        optional("exceptions", said_.survives_exceptions, &promises::survives_exceptions);
        optional("post_after", promises::has_post_after, &promises::posts_after);
        optional("teardown", said_.ends, &promises::ends_with_functions_queued);
        optional("after the end", said_.ends, &promises::refuses_after_its_end);
        optional("reentry", said_.ends, &promises::destroys_outside_of_locks);
        const bool ends_well = said_.ends && report_.findings.empty(); // or it would be found again
        optional("racing teardown", ends_well, &promises::ends_while_others_post);
        optional("close", promises::has_close, &promises::closes);
        return std::move(report_);
    }

  private:
    using check_under_way = typename promises::check_under_way;
    using body = typename promises::check;

    void basic(std::string_view name, body what) { // nothing else can be told without it
        check(name, what);
        is_hopeless_ = is_hopeless_ || !report_.findings.empty();
    }
    void optional(std::string_view name, bool is_said, body what) {
        if (is_said)
            check(name, what);
        else
            report_.omitted.push_back(name);
    }
    void check(std::string_view name, body what) {
        if (is_hopeless_) {
            report_.omitted.push_back(name);
            return;
        }
        report_.tested.push_back(name);
        const std::shared_ptr<check_under_way> now{new check_under_way{make_, said_, name, {}}};
        std::thread thread{[now, what] {
            try {
                what(*now);
            } catch (const std::exception& error) {
                now->find("No call but a refused post throws.",
                          std::string{"It threw \""} + error.what() + "\".",
                          "See what it was about to do: " + std::string{now->course.last_step()} + '.');
            }
            now->course.end();
        }};
        const bool came_back = now->course.wait_until_over(4 * said_.patience);
        for (finding& each : now->course.findings())
            report_.add(std::move(each));
        if (came_back) {
            thread.join();
            return;
        }
        thread.detach(); // and the place with it: nothing here can end it
        report_.add(
            {name, "Every call comes back.",
             "It did not come back, and its thread has been left behind. It was about to " +
                 std::string{now->course.last_step()} + '.',
             "Look for a lock held while a function is called or destroyed, for a loop that its post or its "
             "stop() does not wake, and for a wait that nobody ends."});
    }

    const Make make_;
    const context_description said_;
    conformance_report report_;
    bool is_hopeless_ = false;
};

} // namespace detail

/// Tests a context: what every one owes (see `synchronization_context`), and what `said` says of it.
///
/// Requires      `make_place()` returns a new place, a `conformance_place`, by value; it is copied, and called on other
///               threads.
/// Effects       each promise is tested on a place of its own. What is found is named and told in sentences; nothing is
///               printed. When functions do not run at all, nothing else is tested.
/// Errors        What cannot be made, or hangs, is a finding. A thread that hangs is left behind, with its place: after that,
///               end the program rather than unload what it runs.
template <class Make>
conformance_report check_context(Make make_place, const context_description& said = {}) {
    return detail::context_checks<Make>{std::move(make_place), said}.run();
}

} // namespace eap::testing

#endif
