// SPDX-License-Identifier: BSL-1.0
#include <eap/method_invocation.hpp> // first: proves that the header stands alone

#include "support/catch.hpp"

#include "support/client.hpp"
#include "support/component.hpp"
#include "support/contexts.hpp"

#include <eap/async_method.hpp>
#include <eap/async_operation.hpp>
#include <eap/completed_event_args.hpp>
#include <eap/contexts/event_loop.hpp>
#include <eap/detail/intrusive_ptr.hpp>
#include <eap/errors.hpp>
#include <eap/scoped_context.hpp>
#include <eap/undelivered.hpp>
#include <eap/user_state.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <latch>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using eap::pending_id;
using tests::component;
using tests::lines;
using tests::number;

namespace {

using operation = eap::async_operation<int>;

lines sorted(lines all) {
    std::sort(all.begin(), all.end());
    return all;
}

} // namespace

// ---- an invocation and its neighbours, without operations ----

namespace {

/// A task id that is counted.
struct counted_id {
    explicit counted_id(int v) : value(v), kept(witness()) {}
    int value;
    std::shared_ptr<int> kept;

    bool operator==(const counted_id& other) const { return value == other.value; }
    static std::shared_ptr<int>& witness() {
        static auto all = std::make_shared<int>();
        return all;
    }
};

} // namespace

template <> struct std::hash<counted_id> {
    std::size_t operator()(const counted_id& id) const noexcept { return std::hash<int>{}(id.value); }
};

namespace {

using eap::detail::method_invocation;
using eap::detail::newest_invocations;
using invocation_ptr = eap::detail::intrusive_ptr<method_invocation>;

invocation_ptr make_invocation(newest_invocations& among, const eap::user_state& id) {
    return {new method_invocation{among, id}, eap::detail::adopt_reference};
}

/// A turn that takes it for its invocation, and says so.
class noted_turn final : public eap::detail::waiting_turn {
  public:
    noted_turn(invocation_ptr of, std::string name, tests::record log)
        : of_(std::move(of)), name_(std::move(name)), log_(std::move(log)) {}
    void begin() noexcept override { log_.add(name_ + (of_->take_turn() ? " begins" : " is over already")); }

  private:
    invocation_ptr of_;
    std::string name_;
    tests::record log_;
};

/// Whether `made` has to wait.
bool queue_up(newest_invocations& among, const invocation_ptr& made, const std::string& name,
              const tests::record& log) {
    newest_invocations::start now{among, made->id()};
    std::unique_ptr<eap::detail::waiting_turn> turn = std::make_unique<noted_turn>(made, name, log);
    return now.queue_behind(*made, turn);
}

} // namespace

TEST_CASE("nothing is kept of a task id that nobody uses any more", "[method_invocation][BC-6]") {
    newest_invocations among;
    {
        const eap::user_state id{counted_id{1}};
        const newest_invocations::start failed{among, id};
        CHECK(counted_id::witness().use_count() == 2); // kept once, however many have it
    }
    CHECK(counted_id::witness().use_count() == 1);
    {
        const eap::user_state id{counted_id{1}};
        const auto first = make_invocation(among, id), second = make_invocation(among, id);
        newest_invocations::start{among, id}.enter(*first, {});
        first->supersede_older();
        newest_invocations::start{among, id}.enter(*second, {});
        second->supersede_older();
        first->end();
        second->end();
    }
    CHECK(counted_id::witness().use_count() == 1);
}

TEST_CASE("an invocation is superseded by the next one of its id, unless it has left before",
          "[method_invocation][supersede]") {
    newest_invocations among;
    const auto first = make_invocation(among, "a"), second = make_invocation(among, "a"),
               third = make_invocation(among, "a");
    newest_invocations::start{among, "a"}.enter(*first, {});
    first->supersede_older();
    newest_invocations::start{among, "a"}.enter(*second, {});
    second->supersede_older();
    CHECK(first->is_superseded());
    CHECK_FALSE(second->is_superseded());
    first->leave(); // it is not the newest: nothing changes for the others
    second->leave();
    newest_invocations::start{among, "a"}.enter(*third, {});
    third->supersede_older();
    CHECK_FALSE(second->is_superseded());
    CHECK_FALSE(third->is_superseded());
    for (const auto& each : {first, second, third})
        each->end();
}

TEST_CASE("a turn comes when the one before is over, and once", "[method_invocation][queue]") {
    newest_invocations among;
    tests::record log;
    const auto first = make_invocation(among, "a"), second = make_invocation(among, "a"),
               third = make_invocation(among, "a");
    CHECK_FALSE(queue_up(among, first, "first", log));
    CHECK(queue_up(among, second, "second", log));
    CHECK(queue_up(among, third, "third", log));
    CHECK(log.all().empty());
    first->end();
    CHECK(log.all() == lines{"second begins"});
    second->end();
    CHECK(log.all() == lines{"second begins", "third begins"});
    third->end();
    CHECK_FALSE(queue_up(among, make_invocation(among, "a"), "fourth", log));
}

TEST_CASE("a turn comes when the work of the one before has ended as well", "[method_invocation][queue]") {
    for (const bool work_ends_first : {true, false}) {
        newest_invocations among;
        tests::record log;
        const auto first = make_invocation(among, "a"), second = make_invocation(among, "a");
        std::optional<method_invocation::working> work{first};
        queue_up(among, first, "first", log);
        queue_up(among, second, "second", log);
        if (work_ends_first)
            work.reset();
        else
            first->end();
        CHECK(log.all().empty());
        CHECK(queue_up(among, make_invocation(among, "a"), "third", log)); // it is still there
        if (work_ends_first)
            first->end();
        else
            work.reset();
        CHECK(log.all() == lines{"second begins"});
        second->end();
    }
}

TEST_CASE("what is over before its turn hands it on, although its work is still held",
          "[method_invocation][queue]") {
    newest_invocations among;
    tests::record log;
    const auto first = make_invocation(among, "a"), second = make_invocation(among, "a"),
               third = make_invocation(among, "a");
    std::optional<method_invocation::working> work{second};
    queue_up(among, first, "first", log);
    queue_up(among, second, "second", log);
    queue_up(among, third, "third", log);
    second->end();
    first->end();
    CHECK(log.all() == lines{"second is over already", "third begins"});
    work.reset();
    third->end();
    CHECK(log.all() == lines{"second is over already", "third begins"});
}

TEST_CASE("what is over before its turn hands it on", "[method_invocation][queue]") {
    newest_invocations among;
    tests::record log;
    const auto first = make_invocation(among, "a"), second = make_invocation(among, "a"),
               third = make_invocation(among, "a");
    queue_up(among, first, "first", log);
    queue_up(among, second, "second", log);
    queue_up(among, third, "third", log);
    second->end();
    CHECK(log.all().empty());
    first->end();

    CHECK(log.all() == lines{"second is over already", "third begins"});
    third->end();
}

TEST_CASE("what is over before its turn still stands between its neighbours", "[method_invocation][queue]") {
    newest_invocations among;
    tests::record log;
    const auto first = make_invocation(among, "a"), second = make_invocation(among, "a"),
               third = make_invocation(among, "a");
    queue_up(among, first, "first", log);
    queue_up(among, second, "second", log);
    second->end();
    CHECK(queue_up(among, third, "third", log)); // the first one still has its turn
    first->end();

    CHECK(log.all() == lines{"second is over already", "third begins"});
    third->end();
}

TEST_CASE("an invocation that is over before it enters is not met by later ones", "[method_invocation]") {
    newest_invocations among;
    tests::record log;
    for (const bool by_queue : {true, false}) {
        auto first = make_invocation(among, "a");
        const auto second = make_invocation(among, "a");
        first->end(); // its deadline passed
        if (by_queue)
            CHECK_FALSE(queue_up(among, first, "first", log));
        else
            newest_invocations::start{among, "a"}.enter(*first, {});
        first->supersede_older();
        first = {};
        if (by_queue)
            CHECK_FALSE(queue_up(among, second, "second", log));
        else
            newest_invocations::start{among, "a"}.enter(*second, {});
        second->supersede_older();
        second->end();
    }
    CHECK(log.all().empty());
}

TEST_CASE("a turn that comes while its invocation ends comes to one of the two",
          "[method_invocation][queue]") {
    for (int round = 0; round != 300; ++round) {
        newest_invocations among;
        tests::record log;
        const auto first = make_invocation(among, "a"), second = make_invocation(among, "a"),
                   third = make_invocation(among, "a");
        queue_up(among, first, "first", log);
        queue_up(among, second, "second", log);
        queue_up(among, third, "third", log);
        std::latch together{2};
        {
            std::jthread other{[&] {
                together.arrive_and_wait();
                second->end();
            }};
            together.arrive_and_wait();
            first->end();
        }
        REQUIRE(log.count("third begins") == 1);
        third->end();
    }
}

// ---- what a start does whose id is pending ----

TEMPLATE_LIST_TEST_CASE("invocations without an id never meet", "[method_invocation][BC-8]",
                        tests::each_policy) {
    TestType c;
    for (int n = 1; n <= 3; ++n)
        CHECK(c.start(n));
    CHECK(c.place.size() == 3);
    c.pump();

    CHECK(c.log.all() == lines{"value 1", "value 2", "value 3"});
    CHECK(c.left() == "");
}

// ---- supersede ----

TEST_CASE("an invocation that is superseded ends as cancelled, whatever it came to",
          "[method_invocation][supersede][CN-3]") {
    const std::function<void(component<>&)> each[] = {
        [](component<>&) {}, // its work has not begun
        [](component<>& c) { c.place.run_all(); },
        [](component<>& c) { c.place.run_all(), c.running[0].complete(1); },
        [](component<>& c) { c.place.run_all(), c.running[0].complete_error(std::runtime_error{"work"}); },
        [](component<>& c) { c.place.run_all(), c.running[0].complete_cancelled(); },
        [](component<>& c) { c.place.drop_all(); },
    };
    for (const auto& state : each) {
        component c{pending_id::supersede};
        c.holds = true;
        c.start(1, "a");
        state(c);
        CHECK(c.start(2, "a"));
        c.place.run_all();
        CHECK_FALSE(c.running.back().cancellation_pending());
        CHECK(c.running.back().complete(2));
        if (c.running.size() == 2 && !c.running[0].completed()) {
            CHECK(c.running[0].cancellation_pending());
            CHECK(c.running[0].complete(1));
        }
        c.pump();

        CHECK(sorted(c.log.all()) == lines{"a: cancelled", "a: value 2"});
        CHECK(c.left() == "");
    }
}

TEST_CASE("a time-out that is superseded on its way home is delivered as cancelled",
          "[method_invocation][supersede][TO-1]") {
    component c{pending_id::supersede, {.timeout = 1ms}};
    tests::record posts;
    const eap::scoped_context here{tests::scripted_context{[&](std::function<void()> function) {
        c.home.context().post(std::move(function));
        posts.add("post");
    }}};
    c.method->start(1, "a");
    posts.wait_for(1);
    c.method->start(2, "a");
    posts.wait_for(2);
    c.pump();

    CHECK(c.log.all() == lines{"a: cancelled", "a: timed out"});
    CHECK(c.begun.all().empty());
}

TEST_CASE("the progress of an invocation that is superseded stops, also what waits at home",
          "[method_invocation][supersede][PA-5]") {
    component c{pending_id::supersede};
    c.holds = true;
    c.start(1, "a");
    c.place.run_all();
    c.running[0].report_progress(10);
    c.start(2, "a");
    c.running[0].report_progress(20);
    c.place.run_all();
    c.running[1].report_progress(30);
    c.running.clear();
    c.pump();

    CHECK(sorted(c.log.all()) == lines{"a: 30%", "a: abandoned", "a: cancelled"});
}

TEST_CASE("in a chain of three, the last one alone has its own outcome", "[method_invocation][supersede]") {
    component c{pending_id::supersede};
    c.holds = true;
    for (int n = 1; n <= 3; ++n)
        c.start(n, "a");
    c.place.run_all(); // the two that were asked to stop before they began never do
    CHECK(c.begun.all() == lines{"3"});
    c.running[0].complete(3);
    c.pump();

    CHECK(sorted(c.log.all()) == lines{"a: cancelled", "a: cancelled", "a: value 3"});
    CHECK(c.left() == "");
}

TEST_CASE("an invocation is superseded by those with its own id alone", "[method_invocation][supersede]") {
    component c{pending_id::supersede};
    c.start(1, "a");
    c.start(2, "b");
    c.start(3);
    c.pump();

    CHECK(c.log.all() == lines{"a: value 1", "b: value 2", "value 3"});
}

TEST_CASE("an outcome whose handlers have begun is not superseded", "[method_invocation][supersede]") {
    component c{pending_id::supersede};
    std::vector<std::string> seen;
    bool again = true;
    c.completed.disconnect();
    c.method->completed += [&](const auto&) {
        if (std::exchange(again, false))
            c.start(2, "a");
    };
    c.method->completed +=
        [&](const eap::completed_event_args<int>& args) { seen.push_back(tests::told(args)); };
    c.start(1, "a");
    c.pump();

    CHECK(seen == lines{"value 1", "value 2"});
}

TEST_CASE("cancelling an id reaches the newest of those superseded", "[method_invocation][supersede][CN-1]") {
    component c{pending_id::supersede};
    c.holds = true;
    c.start(1, "a");
    c.place.run_all();
    c.start(2, "a");
    c.place.run_all();

    CHECK(c.method->cancel("a"));
    CHECK(c.running[1].cancellation_pending());
    CHECK_FALSE(c.method->cancel("a"));
}

TEST_CASE("what a superseded invocation came to is nobody's undelivered error",
          "[method_invocation][supersede][O-12]") {
    component c{pending_id::supersede};
    c.completed.disconnect();
    c.during = [](operation&, int n) {
        if (n == 1)
            throw std::runtime_error{"work"};
    };
    c.start(1, "a");
    c.place.run_all();
    c.start(2, "a");
    c.pump();

    CHECK(c.log.all().empty());
}

TEST_CASE("an older outcome does not come after that of the newer one",
          "[method_invocation][supersede][G7]") {
    component c{pending_id::supersede};
    c.during = [&](operation& self, int n) {
        if (n == 1)
            c.running.push_back(std::move(self));
    };
    c.start(1, "a");
    c.place.run_all();
    // Other threads may get this far before the second start returns.
    c.when_posted = [&] {
        c.pump();
        c.running[0].complete(1);
        c.pump();
    };
    c.start(2, "a");

    CHECK(c.log.all() == lines{"a: value 2", "a: cancelled"});
    CHECK(c.left() == "");
}

// ---- join ----

TEST_CASE("a start that joins begins nothing, and has the completion of the other one",
          "[method_invocation][join]") {
    component c{pending_id::join};
    c.holds = true;
    CHECK(c.start(1, "a"));
    CHECK_FALSE(c.start(2, "a"));
    c.place.run_all();
    CHECK_FALSE(c.start(3, "a"));
    CHECK(c.start(4, "b"));
    CHECK(number::alive == 1); // of the work that waits
    c.running[0].complete(1);
    CHECK_FALSE(c.start(5, "a")); // not delivered yet
    c.place.run_all();
    c.running[1].complete(4);
    c.pump();

    CHECK(c.begun.all() == lines{"1", "4"});
    CHECK(c.counts->started == 2);
    CHECK(c.log.all() == lines{"a: value 1", "b: value 4"});
    CHECK(c.left() == "");
}

// ---- queue ----

TEST_CASE("queued invocations run in turn, each when the one before has been delivered",
          "[method_invocation][queue]") {
    component c{pending_id::queue};
    c.method->completed += [&](const auto&) { c.log.add("after " + std::to_string(c.place.size())); };
    for (int n = 1; n <= 3; ++n)
        CHECK(c.start(n, "a"));
    c.start(9, "b"); // does not wait
    CHECK(c.place.run_all() == 2);
    CHECK(c.begun.all() == lines{"1", "9"});
    CHECK(c.place.size() == 0); // the first is not delivered yet
    CHECK(c.method->pending() == 4);
    c.pump();

    CHECK(c.begun.all() == lines{"1", "9", "2", "3"});
    CHECK(c.log.all() == lines{"a: value 1", "after 0", "b: value 9", "after 1", "a: value 2", "after 0",
                               "a: value 3", "after 0"});
    CHECK(c.left() == "");
}

TEST_CASE("what a handler starts queues up behind what waits already", "[method_invocation][queue][BW-9]") {
    component c{pending_id::queue};
    bool again = true;
    c.method->completed += [&](const auto&) {
        if (std::exchange(again, false))
            c.start(3, "a");
    };
    c.start(1, "a");
    c.start(2, "a");
    c.pump();

    CHECK(c.begun.all() == lines{"1", "2", "3"});
    CHECK(c.left() == "");
}

TEST_CASE("a queued invocation that is cancelled ends at its turn without running",
          "[method_invocation][queue]") {
    component c{pending_id::queue};
    c.holds = true;
    for (int n = 1; n <= 2; ++n)
        c.start(n, "a");
    c.place.run_all();
    CHECK(c.method->cancel("a")); // both
    c.start(3, "a");              // and this one came later
    c.running[0].complete(1);
    c.home.run_all();
    c.place.run_all();
    c.home.run_all();
    c.holds = false;
    c.pump();

    CHECK(c.begun.all() == lines{"1", "3"});
    CHECK(c.log.all() == lines{"a: value 1", "a: cancelled", "a: value 3"});
    CHECK(c.left() == "");
}

TEST_CASE("a queued invocation that times out is told so, and its successors keep their turns",
          "[method_invocation][queue][TO-1]") {
    for (const bool is_the_tail : {false, true}) {
        component c{pending_id::queue, {.timeout = 1ms}};
        tests::parallel_pool pool;
        c.start(1, "a"); // times out as well, but nobody brings that home
        {
            const eap::scoped_context here{pool.context()};
            c.method->start(2, "a");
            if (!is_the_tail)
                c.method->start(3, "a");
        }
        c.log.wait_for(is_the_tail ? 1 : 2);
        pool.join();
        CHECK(c.log.all() == lines(is_the_tail ? 1 : 2, "a: timed out"));
        c.start(4, "a");
        CHECK(c.place.size() == 1); // the first one's
        c.place.run_all();
        CHECK(c.place.size() == 0); // it has not been delivered yet
        c.pump();

        CHECK(c.method->pending() == 0);
        CHECK(c.left() == "");
    }
}

TEST_CASE("queued invocations go on when a home is closed while they wait",
          "[method_invocation][queue][O-26]") {
    component c{pending_id::queue};
    tests::manual_queue other;
    c.start(1, "a");
    {
        const eap::scoped_context here{other.context()};
        c.method->start(2, "a");
    }
    c.start(3, "a");
    other.close();
    c.pump();

    CHECK(c.begun.all() == lines{"1", "2", "3"});
    CHECK(c.log.all() == lines{"a: value 1", "a: undelivered, context gone: value", "a: value 3"});
    CHECK(c.left() == "");
}

TEST_CASE("a place that refuses a queued invocation at its turn makes that its outcome",
          "[method_invocation][queue][O-16]") {
    component c{pending_id::queue};
    for (int n = 1; n <= 3; ++n)
        c.start(n, "a");
    c.place.run_all();
    c.refusal = std::make_exception_ptr(tests::post_refused{});
    c.pump();

    CHECK(c.begun.all() == lines{"1", "3"});
    CHECK(c.log.all() == lines{"a: value 1", "a: error: this post was refused", "a: value 3"});
    CHECK(c.left() == "");
}

TEST_CASE("a queued invocation whose argument cannot be handed on at its turn fails with that",
          "[method_invocation][queue]") {
    component c{pending_id::queue};
    for (int n = 1; n <= 3; ++n)
        c.start(n, "a");
    c.place.run_all();
    number::until_failure = 1;
    c.home.run_one();
    number::until_failure = 0;
    c.pump();

    CHECK(c.log.all() == lines{"a: value 1", "a: error: an argument refused to be copied", "a: value 3"});
    CHECK(c.left() == "");
}

TEST_CASE("ten thousand queued invocations run without growing the stack", "[method_invocation][queue]") {
    component c{pending_id::queue};
    tests::stack_depth depth;
    constexpr int count = 10'000;
    c.during = [&](operation&, int) { depth.note(); };
    c.completed.disconnect();
    for (int n = 0; n != count; ++n)
        c.start(n, "a");
    c.pump();

    CHECK(c.begun.all().size() == count);
    CHECK(depth.spread() < 1000);
    CHECK(c.left() == "");
}

TEST_CASE("queued invocations that end one inside the other do not grow the stack",
          "[method_invocation][queue][OP-23]") {
    constexpr int count = 100;
    tests::stack_depth depth;
    int ended = 0;
    const auto note = [&] {
        ++ended;
        depth.note();
    };
    SECTION("because the loop that is place and home is closed") {
        eap::event_loop loop;
        const eap::async_method<void()> method{[] {},
                                               {.where = loop.context(), .on_pending_id = pending_id::queue}};
        method.on_undelivered([&](const eap::undelivered&) { note(); });
        const eap::scoped_context here{loop.context()};
        for (int n = 0; n != count; ++n)
            method.start("a");
        loop.close();
    }
    SECTION("because place and home run everything at once") {
        std::optional<eap::async_method<void()>> method;
        const auto work = [&, is_first = true]() mutable {
            if (!std::exchange(is_first, false))
                return;
            for (int n = 1; n != count; ++n)
                method->start("a");
        };
        method.emplace(work, eap::async_method_options{.where = tests::inline_context{},
                                                       .on_pending_id = pending_id::queue});
        method->completed += [&](const auto&) { note(); };
        const eap::scoped_context here{tests::inline_context{}};
        method->start("a");
    }

    CHECK(ended == count);
    CHECK(depth.spread() < 10'000);
}

TEST_CASE("turns that come inside one another are all taken, in the order in which they came",
          "[method_invocation][queue]") {
    tests::record begun;
    std::map<int, operation> held;
    const eap::async_method<int(int)> method{
        [&](operation& self, int n) {
            begun.add(std::to_string(n));
            if (n % 10 == 1)
                held.emplace(n, std::move(self));
            if (n == 32) { // inside its turn comes that of 12 and of 22
                held.at(11).complete(1);
                held.at(21).complete(1);
            }
            return n;
        },
        {.where = tests::inline_context{}, .on_pending_id = pending_id::queue}};
    const eap::scoped_context here{tests::inline_context{}};
    for (const int n : {11, 12, 13, 21, 22, 31, 32, 33})
        method.start(n, n / 10);
    held.at(31).complete(1);

    CHECK(begun.all() == lines{"11", "21", "31", "32", "12", "22", "33", "13"});
    CHECK(method.pending() == 0);
}

// ---- all at once ----

TEMPLATE_LIST_TEST_CASE("on pools, every start that begins has one completion",
                        "[method_invocation][stress][G1][O-10]", tests::each_policy) {
    constexpr int threads = 3, each = 100;
    tests::parallel_pool home{2}, place{2};
    tests::record log;
    std::array<std::atomic<int>, 2> inside{};
    std::atomic<bool> overlapped{false};
    eap::async_method<int(int)> method{[&](int which) {
                                           if (++inside[static_cast<std::size_t>(which)] != 1)
                                               overlapped = true;
                                           --inside[static_cast<std::size_t>(which)];
                                           return which;
                                       },
                                       {.where = place.context(), .on_pending_id = TestType::policy}};
    method.completed += [&](const auto&) { log.add("completed"); };
    std::atomic<std::size_t> begun{0};
    {
        std::latch together{threads};
        std::vector<std::jthread> starting;
        for (int i = 0; i != threads; ++i)
            starting.emplace_back([&] {
                const eap::scoped_context here{home.context()};
                together.arrive_and_wait();
                for (int n = 0; n != each; ++n) {
                    try {
                        begun += method.start(n % 2, n % 2) ? 1 : 0;
                    } catch (const eap::duplicate_task_id&) {
                    }
                    if (n % 10 == 0)
                        method.cancel(n % 2);
                }
            });
    }
    log.wait_for(begun);
    home.join();
    place.join();

    CHECK(log.all().size() == begun);
    CHECK(method.pending() == 0);
    if (TestType::policy != pending_id::supersede) // superseded works end when they like
        CHECK_FALSE(overlapped);
}

TEST_CASE("a superseding start that is refused while a newer one has come leaves the two others in order",
          "[method_invocation][supersede][BW-31]") {
    component c{pending_id::supersede};
    c.holds = true;
    c.start(1, "a");
    c.place.run_all();
    c.refusal = std::make_exception_ptr(tests::post_refused{});
    c.when_refused = [&] { c.start(3, "a"); };
    CHECK_THROWS_AS(c.start(2, "a"), tests::post_refused);
    c.place.run_all();
    REQUIRE(c.running.size() == 2);
    CHECK(c.running[0].cancellation_pending()); // by the third
    CHECK(c.running[0].complete(1));
    CHECK(c.running[1].complete(3));
    c.pump();

    CHECK(sorted(c.log.all()) == lines{"a: cancelled", "a: value 3"});
    CHECK(c.left() == "");
}
