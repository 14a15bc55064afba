// SPDX-License-Identifier: BSL-1.0
#include <eap/anchor.hpp> // first: proves that the header stands alone

#include "support/catch.hpp"
#include "support/client.hpp"
#include "support/contexts.hpp"

#include <eap/async_operation.hpp>
#include <eap/completed_event_args.hpp>
#include <eap/operation_manager.hpp>
#include <eap/operation_options.hpp>
#include <eap/progress_changed_event_args.hpp>
#include <eap/tracked.hpp>
#include <eap/undelivered.hpp>

#include <atomic>
#include <cstddef>
#include <latch>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using tests::lines;

namespace {

/// An object that no shared_ptr owns: what a window would be.
class window {
  public:
    explicit window(lines& log, std::string name = "window") : log_(&log), name_(std::move(name)) {}

    auto hears() const {
        return eap::tracked(anchor_, [this] { add("hears"); });
    }
    template <class F> auto tracks(F handler) const { return eap::tracked(anchor_, std::move(handler)); }
    eap::anchor::watch watched() const { return anchor_.watched(); }

    void add(const std::string& what) const { log_->push_back(name_ + " " + what); }
    void rename(std::string name) { name_ = std::move(name); }

  private:
    lines* log_;
    std::string name_;
    eap::anchor anchor_; // last
};

/// The chance for other threads to do what they must not do. Nothing waits for them.
void let_others_run() {
    for (int i = 0; i < 1000; ++i)
        std::this_thread::yield();
}

bool is_there(const eap::anchor::watch& which) { return static_cast<bool>(which.lock()); }

} // namespace

// ---- one handler ----

TEST_CASE("a handler tracked by an anchor runs while its object is there, and does nothing afterwards",
          "[anchor][O-27]") {
    lines log;
    std::optional<window> object{std::in_place, log};
    auto handler = object->hears();
    const auto watch = object->watched();
    CHECK(handler.try_invoke());
    CHECK(is_there(watch));
    object.reset();

    CHECK_FALSE(handler.try_invoke());
    handler();
    CHECK_FALSE(is_there(watch));
    CHECK(log == lines{"window hears"});
}

TEST_CASE("an object may end in its own handler, however deep, and the handler keeps what it holds",
          "[anchor][G12]") {
    for (const int depth : {0, 2}) {
        lines log;
        std::optional<window> object{std::in_place, log};
        auto handler = object->tracks([&, text = std::string{"kept"}](auto& self, int level) -> void {
            if (level < depth)
                return self(self, level + 1);
            object.reset();
            self(self, level); // not any more
            log.push_back(text);
        });
        handler(handler, 0);

        CHECK(log == lines{"kept"});
    }
}

TEST_CASE("a handler that throws has left its object", "[anchor]") {
    lines log;
    std::optional<window> object{std::in_place, log};
    auto handler = object->tracks([] { throw std::runtime_error{"thrown"}; });
    CHECK_THROWS_AS(handler(), std::runtime_error);
    object.reset(); // waits for nobody
    CHECK_FALSE(handler.try_invoke());
}

TEST_CASE("a handler may take arguments, and hold what cannot be copied", "[anchor]") {
    const eap::anchor anchor;
    int got = 0;
    auto handler = eap::tracked(
        anchor, [&, own = std::make_unique<int>(3)](std::unique_ptr<int> more) { got = *own + *more; });
    auto moved = std::move(handler);
    moved(std::make_unique<int>(4));

    CHECK(got == 7);
}

// ---- copies ----

TEST_CASE("copies and moves of an object have anchors of their own", "[anchor]") {
    lines log;
    std::optional<window> original{std::in_place, log, "original"};
    auto handler = original->hears();
    window copy = *original;
    window moved = std::move(*original);
    copy.rename("copy");
    moved.rename("moved");
    auto handler_of_copy = copy.hears(), handler_of_moved = moved.hears();
    // handlers stay with the object that they were made for
    original->rename("shell"); // NOLINT(bugprone-use-after-move): it is renamed
    handler();
    original.reset();
    handler();
    handler_of_copy();
    handler_of_moved();

    CHECK(log == lines{"shell hears", "copy hears", "moved hears"});
}

TEST_CASE("assigning an object changes neither whom its handlers belong to nor for how long", "[anchor]") {
    lines log;
    window target{log, "target"};
    auto handler_of_target = target.hears();
    std::optional<eap::anchor::watch> source_there;
    {
        window source{log, "source"};
        auto handler_of_source = source.hears();
        source_there = source.watched();
        target = source;
        source.rename("still source");
        handler_of_source();
    }
    CHECK_FALSE(is_there(*source_there));
    handler_of_target();
    target = window{log, "assigned"};
    handler_of_target();

    CHECK(log == lines{"still source hears", "source hears", "assigned hears"});
}

// ---- other threads ----

TEST_CASE("an object's end waits for handlers that run on other threads", "[anchor][O-27]") {
    lines log;
    std::optional<window> object{std::in_place, log};
    const auto watch = object->watched();
    std::latch inside{2};
    std::atomic<std::size_t> entered{0};
    bool left[2] = {}; // no atomics: the end orders them
    const auto run = [&] {
        auto handler = object->tracks([&] {
            bool& mine = left[entered++];
            inside.count_down();
            while (is_there(watch)) // until the end has begun
                std::this_thread::yield();
            let_others_run();
            mine = true;
        });
        handler();
    };
    std::thread one{run}, two{run};
    inside.wait();
    object.reset();
    const bool waited = left[0] && left[1];
    one.join();
    two.join();

    CHECK(waited);
}

TEST_CASE("a handler of another object may end an object", "[anchor][G12]") {
    lines log;
    const window first{log, "first"};
    std::optional<window> second{std::in_place, log, "second"};
    auto hears = second->hears();
    auto ends = first.tracks([&] { second.reset(); });
    ends();
    hears();

    CHECK(log.empty());
}

TEST_CASE("whoever holds an object by its watch lets its end wait", "[anchor]") {
    lines log;
    std::optional<window> object{std::in_place, log};
    const auto watch = object->watched();
    std::latch held{1};
    bool left = false;
    std::thread holder{[&] {
        const auto hold = watch.lock();
        const auto refused = [&] { return !is_there(watch); };
        held.count_down();
        while (!refused())
            std::this_thread::yield();
        let_others_run();
        left = static_cast<bool>(hold);
    }};
    held.wait();
    object.reset();
    const bool waited = left;
    holder.join();

    CHECK(waited);
}

// ---- as a handler of an operation ----

TEST_CASE("a report to an object that has ended asks the work to stop, unless the options say otherwise",
          "[anchor][O-27]") {
    for (const bool stops : {true, false}) {
        tests::manual_queue queue;
        tests::client client{queue.context()};
        lines log;
        std::optional<window> object{std::in_place, log};
        eap::operation_options options;
        options.stop_without_receiver = stops;
        auto operation = client.manager.create_operation<>(
            {}, [](const eap::completed_event_args<>& args) { CHECK(args.cancelled()); },
            object->tracks(
                [&](const eap::progress_changed_event_args<>& args) { log.push_back(tests::told(args)); }),
            options);
        operation.report_progress(1);
        queue.run_all();
        CHECK_FALSE(operation.cancellation_pending());
        operation.report_progress(2);
        object.reset();
        CHECK_FALSE(operation.cancellation_pending());
        queue.run_all();

        CHECK(operation.cancellation_pending() == stops);
        CHECK(log == lines{"1%"});
        CHECK(operation.complete_cancelled());
        queue.run_all();
    }
}

TEST_CASE("a completion to an object that has ended is undelivered", "[anchor][O-27]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    lines log;
    std::optional<window> object{std::in_place, log};
    auto operation = client.manager.create_operation<int>(
        "id", object->tracks(
                  [&](const eap::completed_event_args<int>& args) { client.log.add(tests::told(args)); }));
    CHECK(operation.complete(7));
    object.reset(); // after the completion was sent, before it is delivered
    queue.run_all();

    CHECK(client.log.all() == lines{"undelivered, receiver gone: value"});
    CHECK(client.manager.pending() == 0);
}

TEST_CASE("a completion that is being delivered on another thread is waited for, and was delivered",
          "[anchor][O-27][G1]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    lines log;
    std::optional<window> object{std::in_place, log};
    const window& here = *object;
    const auto watch = here.watched();
    std::latch inside{1};
    auto operation = client.manager.create_operation<int>(
        {}, object->tracks([&](const eap::completed_event_args<int>& args) {
            inside.count_down();
            while (is_there(watch))
                std::this_thread::yield();
            let_others_run();
            here.add(tests::told(args)); // its other members are still there
        }));
    CHECK(operation.complete(7));
    std::thread home{[&] { queue.run_all(); }};
    inside.wait();
    object.reset();
    log.emplace_back("ended");
    home.join();

    CHECK(log == lines{"window value 7", "ended"});
    CHECK(client.log.all().empty());
}

TEST_CASE("an object may end in its completed handler, which was delivered", "[anchor][G12]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    lines log;
    auto object = std::make_unique<window>(log);
    auto operation =
        client.manager.create_operation<>({}, object->tracks([&](const eap::completed_event_args<>& args) {
            object->add(tests::told(args));
            object.reset();
        }));
    CHECK(operation.complete());
    queue.run_all();

    CHECK(log == lines{"window value"});
    CHECK(client.log.all().empty());
    CHECK(object == nullptr);
}

TEST_CASE("an object that ends in its progress handler is told nothing more", "[anchor][G12]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    lines log;
    std::optional<window> object{std::in_place, log};
    auto operation = client.manager.create_operation<>(
        {}, object->tracks([&](const eap::completed_event_args<>&) { log.emplace_back("completed"); }),
        object->tracks([&](const eap::progress_changed_event_args<>& args) {
            log.push_back(tests::told(args));
            object.reset();
        }));
    CHECK(operation.report_progress(1));
    CHECK(operation.report_progress(2));
    CHECK(operation.complete());
    queue.run_all();

    CHECK(log == lines{"1%"});
    CHECK(client.log.all() == lines{"undelivered, receiver gone: value"});
}

TEST_CASE("objects end while a pool delivers to them: each outcome is delivered or told to be undelivered",
          "[anchor][stress][G1]") {
    constexpr int threads = 2, rounds = 200;
    struct receiver {
        struct tally { // no atomics: the anchor, which ends before it, orders them
            ~tally() { delivered += outcomes; }
            std::atomic<int>& delivered;
            int reports = 0;
            int outcomes = 0;
        } counts;
        eap::anchor anchor;
    };
    tests::parallel_pool pool{2};
    eap::operation_manager manager{pool.context()};
    std::atomic<int> undelivered{0}, delivered{0};
    manager.on_undelivered([&](const eap::undelivered& what) {
        undelivered += what.reason == eap::undelivered_reason::receiver_gone ? 1 : 1000 * 1000;
    });
    const auto work = [&] {
        for (int i = 0; i < rounds; ++i) {
            receiver here{{delivered}, {}};
            auto& counts = here.counts;
            auto operation = manager.create_operation<>(
                {}, eap::tracked(here.anchor, [&](const eap::completed_event_args<>&) { ++counts.outcomes; }),
                eap::tracked(here.anchor,
                             [&](const eap::progress_changed_event_args<>&) { ++counts.reports; }));
            for (int k = 0; k < 3; ++k)
                operation.report_progress(k);
            operation.complete();
            for (int k = 0; k < i % 4; ++k)
                std::this_thread::yield();
        }
    };
    std::vector<std::thread> all;
    for (int i = 0; i < threads; ++i)
        all.emplace_back(work);
    for (auto& each : all)
        each.join();
    pool.join();

    CHECK(delivered + undelivered == threads * rounds);
}

TEST_CASE("an object that ends in its own handler waits for another one of its handlers, on another thread",
          "[anchor][O-27]") {
    struct object {
        std::string name = "a name too long for its own buffer";
        eap::anchor anchor;
    };
    auto owned = std::make_unique<object>();
    std::latch both{2};
    bool left = false, left_before_the_end = false;
    auto closes = eap::tracked(owned->anchor, [&] {
        both.arrive_and_wait();
        owned.reset();
        left_before_the_end = left;
    });
    const auto watched = owned->anchor.watched();
    auto works = eap::tracked(owned->anchor, [&, self = owned.get()] {
        both.arrive_and_wait();
        while (static_cast<bool>(watched.lock())) // until the object is ending
            std::this_thread::yield();
        for (int i = 0; i < 1000; ++i)
            std::this_thread::yield();
        left = !self->name.empty();
    });
    std::thread other{[&] { works(); }};
    closes();
    other.join();
    CHECK(left_before_the_end);
}
