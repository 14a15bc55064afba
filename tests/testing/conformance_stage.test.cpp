// SPDX-License-Identifier: BSL-1.0
#include <eap/testing/conformance_stage.hpp>

#include <eap/contexts/event_loop.hpp>
#include <eap/errors.hpp>

#include "support/catch.hpp"
#include "support/contexts.hpp"

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

namespace lab = eap::testing;
using namespace std::chrono_literals;

namespace {

struct counting_place {
    eap::event_loop loop;
    auto context() const { return loop.context(); }
    void run() { loop.run(); }
};
struct stopped_place {
    tests::manual_queue queue;
    bool stopped = false;
    auto context() const { return queue.context(); }
    void run() {
        for (stopped = false; !stopped;)
            if (!queue.run_one())
                std::this_thread::yield();
    }
    void stop() { stopped = true; }
};
struct place_without_a_loop {
    static tests::inline_context context() { return {}; }
};
static_assert(lab::conformance_place<counting_place>);
static_assert(!lab::conformance_place<int>);

template <class Place> Place make() { return {}; }

} // namespace

TEMPLATE_TEST_CASE("a stage runs its place while another thread does something", "[conformance]",
                   counting_place, stopped_place, place_without_a_loop) {
    lab::conformance_course course;
    lab::conformance_stage on{course, make<TestType>};
    bool ran = false;
    bool accepted = true;
    for (int round = 0; round < 2; ++round)
        on.run_while([&] { accepted = on.post([&] { ran = true; }) && accepted; });
    CHECK(ran);
    CHECK(accepted);
    CHECK(on.caught().empty());
    on.end();
}

TEST_CASE("a stage keeps what run throws, and goes on", "[conformance]") {
    lab::conformance_course course;
    lab::conformance_stage on{course, make<counting_place>};
    bool later = false;
    on.post([] { throw std::runtime_error{"one"}; });
    on.post([&] { later = true; });
    on.run_while([] {});
    CHECK(on.caught().size() == 1);
    CHECK(later);
}

TEST_CASE("what fails on the other thread leaves run_while", "[conformance]") {
    lab::conformance_course course;
    lab::conformance_stage on{course, make<counting_place>};
    CHECK_THROWS_AS(on.run_while([] { throw std::runtime_error{"there"}; }), std::runtime_error);
}

TEST_CASE("a handle of a stage outlives its place", "[conformance]") {
    lab::conformance_course course;
    lab::conformance_stage on{course, make<counting_place>};
    on.end();
    CHECK_FALSE(on.post([] {}));
}

TEST_CASE("whoever watches a course gives up, and knows what it was about to do", "[conformance]") {
    lab::conformance_course course;
    course.step("wait for Godot");
    CHECK_FALSE(course.wait_until_over(1ms));
    CHECK(course.last_step() == std::string{"wait for Godot"});
    course.find({"order", "a", "b", "c"});
    course.end();
    CHECK(course.wait_until_over(1ms));
    CHECK(course.findings().size() == 1);
}
