// SPDX-License-Identifier: BSL-1.0
#include <eap/testing/context_conformance.hpp>

#include <eap/any_synchronization_context.hpp>
#include <eap/contexts/asio_context.hpp>
#include <eap/contexts/event_loop.hpp>
#include <eap/contexts/thread_pool.hpp>
#include <eap/current_context.hpp>
#include <eap/detail/parking.hpp>
#include <eap/scoped_context.hpp>
#include <eap/timer.hpp>

#include "support/catch.hpp"
#include "support/contexts.hpp"
#include "support/hostile_context.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <iterator>
#include <memory>
#include <mutex>
#include <optional>
#include <ostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace lab = eap::testing;
namespace asio = boost::asio;
using namespace std::chrono_literals;

// ---- the contexts of the library ----

namespace {

/// All that a loop of ours says of itself.
constexpr lab::context_description everything{.runs_in_order = true,
                                              .runs_one_at_a_time = true,
                                              .refuses_after_end = true,
                                              .is_current_inside = true,
                                              .counts_operations = true,
                                              .knows_its_thread = true,
                                              .survives_exceptions = true,
                                              .uses_function_memory = true};

struct loop_place {
    eap::event_loop loop;
    auto context() const { return loop.context(); }
    void run() { loop.run(); }
    void close() { loop.close(); }
};

struct pool_place {
    struct caught_exception {
        std::exception_ptr error; // written before it is told
        eap::detail::parking<> told;
    };
    explicit pool_place(std::size_t threads) : pool(threads) {
        pool.on_exception([caught = caught](const std::exception_ptr& error) {
            caught->error = error;
            caught->told.set();
        });
    }
    auto context() const { return pool.context(); }
    void close() { pool.close(); }
    std::exception_ptr take_exception() const {
        caught->told.wait();
        return caught->error;
    }
    std::shared_ptr<caught_exception> caught = std::make_shared<caught_exception>();
    eap::thread_pool pool;
};

template <class Executor> struct io_place {
    asio::io_context io;
    eap::asio_context<Executor> lent{make(io)};
    static Executor make(asio::io_context& io) {
        if constexpr (std::is_constructible_v<Executor, asio::io_context::executor_type>)
            return Executor{io.get_executor()};
    }
    auto context() const { return lent; }
    void run() {
        io.restart();
        io.run();
    }
};

template <class Executor> struct asio_pool_place {
    asio::thread_pool pool{2};
    eap::asio_context<Executor> lent{Executor{pool.get_executor()}};
    auto context() const { return lent; }
};

struct erased_place : loop_place {
    eap::any_synchronization_context context() const { return loop.context(); }
};

/// The current context of a thread that a loop is current on.
struct current_place : loop_place {
    eap::any_synchronization_context context() const {
        const eap::scoped_context here{loop.context()};
        return eap::current_context();
    }
};

struct shared_pool_place {
    static eap::any_synchronization_context context() { return eap::current_context(); }
};

struct inline_place {
    static tests::inline_context context() { return {}; }
};

template <class Place> Place make() { return {}; }

} // namespace

TEST_CASE("an event loop conforms, with every ability", "[conformance][event_loop]") {
    const auto report = lab::check_context(make<loop_place>, everything);
    INFO(report);
    CHECK(report);
    CHECK(report.tested.size() >= 19);
    CHECK(report.omitted == std::vector<std::string_view>{"post_after"});
}

TEST_CASE("a thread pool conforms; of one thread, also in order", "[conformance][thread_pool]") {
    lab::context_description said = everything;
    said.counts_operations = false; // its threads are its own
    const auto one = lab::check_context([] { return pool_place{1}; }, said);
    INFO(one);
    CHECK(one);
    said.runs_in_order = said.runs_one_at_a_time = false;
    const auto many = lab::check_context([] { return pool_place{3}; }, said);
    INFO(many);
    CHECK(many);
}

TEMPLATE_TEST_CASE("an io_context, and a strand on one, conform", "[conformance][asio_context]",
                   asio::io_context::executor_type, asio::strand<asio::io_context::executor_type>) {
    const auto report = lab::check_context(make<io_place<TestType>>, everything);
    INFO(report);
    CHECK(report);
}

TEST_CASE("an any_io_executor conforms, but does not pass on memory", "[conformance][asio_context]") {
    lab::context_description said = everything;
    said.uses_function_memory = false;
    const auto report = lab::check_context(make<io_place<asio::any_io_executor>>, said);
    INFO(report);
    CHECK(report);
}

TEST_CASE("a thread pool of Asio, and a strand on one, conform", "[conformance][asio_context]") {
    lab::context_description said = everything;
    said.counts_operations = false;
    said.survives_exceptions = false; // the program ends
    const auto strand =
        lab::check_context(make<asio_pool_place<asio::strand<asio::thread_pool::executor_type>>>, said);
    INFO(strand);
    CHECK(strand);
    said.runs_in_order = said.runs_one_at_a_time = false;
    const auto pool = lab::check_context(make<asio_pool_place<asio::thread_pool::executor_type>>, said);
    INFO(pool);
    CHECK(pool);
}

TEMPLATE_TEST_CASE("an erased context, and the current one, conform as what they hold", "[conformance]",
                   erased_place, current_place) {
    const auto report = lab::check_context(make<TestType>, everything);
    INFO(report);
    CHECK(report);
}

TEST_CASE("the shared pool, current where nothing else is, conforms", "[conformance][thread_pool]") {
    const auto report = lab::check_context(
        make<shared_pool_place>, {.ends = false, .knows_its_thread = true, .uses_function_memory = true});
    INFO(report);
    CHECK(report);
}

TEST_CASE("a context that runs functions inside post conforms when it says so", "[conformance]") {
    const auto report = lab::check_context(make<inline_place>, {.ends = false, .runs_inline = true});
    INFO(report);
    CHECK(report);
}

// ---- contexts that break one promise each ----

namespace {

enum class fault {
    none,
    refuses,
    accepts_and_throws,
    drops,
    drops_some,
    runs_twice,
    runs_in_post,
    newest_first,
    runs_several,
    never_wakes,
    keeps_what_ran,
    locked_while_running,
    locked_while_destroying,
    keeps_what_is_queued,
    runs_what_is_queued_at_the_end,
    keeps_after_the_end,
    drops_after_the_end,
    throws_another_after_the_end,
    copies_differ,
    send_returns_at_once,
    send_forgets_exceptions,
    is_not_current,
    stays_current,
    claims_every_thread,
    claims_no_thread,
    runs_here_everywhere,
    run_returns_early,
    run_never_returns,
    swallows_exceptions,
    loses_the_next_after_an_exception,
    keeps_memory,
    ignores_memory,
    is_early,
    close_forgets,
    hangs_at_the_end
};

/// A loop that would be right, but for its fault.
class broken_loop {
    struct item {
        std::shared_ptr<void> memory; // given back with it
        std::function<void()> function;
    };
    struct state {
        explicit state(fault f) noexcept : has(f) {}
        const fault has;
        std::mutex mutex;
        std::condition_variable changed;
        std::deque<item> queue;      // guarded by mutex, as all below
        std::vector<item> keepsakes; // what ought to be gone
        std::vector<std::thread> threads;
        std::unique_ptr<eap::scoped_context> still_current;
        bool closed = false;
        int outstanding = 0;
        std::thread::id runner;
        std::size_t posts = 0;
    };

  public:
    class context_type {
      public:
        explicit context_type(std::shared_ptr<state> s) noexcept : state_(std::move(s)) {}

        template <class F> void post(F given) const {
            state& self = *state_;
            item next;
            if constexpr (requires {
                              given.get_allocator().memory;
                          }) // that of the kit alone: to keep others' is fatal
                if (self.has != fault::ignores_memory)
                    next.memory = take_memory(given.get_allocator());
            next.function = tests::shared_function(std::move(given));
            std::unique_lock lock{self.mutex};
            if (self.closed) {
                if (self.has == fault::keeps_after_the_end)
                    self.keepsakes.push_back(std::move(next));
                else if (self.has == fault::throws_another_after_the_end)
                    throw std::runtime_error{"gone"};
                else if (self.has != fault::drops_after_the_end)
                    throw eap::context_closed{};
                return;
            }
            ++self.posts;
            switch (self.has) {
            case fault::refuses:
                throw tests::post_refused{};
            case fault::drops:
                return;
            case fault::drops_some:
                if (self.posts % 100 == 0)
                    return;
                break;
            case fault::runs_in_post:
                lock.unlock();
                next.function();
                return;
            default:
                break;
            }
            const bool throws = self.has == fault::accepts_and_throws;
            self.queue.push_back(std::move(next));
            if (self.has != fault::never_wakes)
                self.changed.notify_all();
            if (throws)
                throw tests::post_refused{};
        }
        void operation_started() const {
            const std::lock_guard lock{state_->mutex};
            ++state_->outstanding;
        }
        void operation_completed() const noexcept {
            const std::lock_guard lock{state_->mutex};
            --state_->outstanding;
            state_->changed.notify_all();
        }
        bool running_in_this_thread() const {
            const std::lock_guard lock{state_->mutex};
            return state_->has == fault::claims_every_thread ||
                   (state_->has != fault::claims_no_thread && state_->runner == std::this_thread::get_id());
        }
        template <class F> bool try_run_here(F&& function) const {
            if (state_->has != fault::runs_here_everywhere && !running_in_this_thread())
                return false;
            std::forward<F>(function)();
            return true;
        }
        template <class F> void send(F&& function) const {
            if (state_->has == fault::send_returns_at_once) {
                post([] {});
                return;
            }
            std::exception_ptr error;
            eap::send(plain{state_}, [&] {
                try {
                    function();
                } catch (...) {
                    error = std::current_exception();
                }
            });
            if (error != nullptr && state_->has != fault::send_forgets_exceptions)
                std::rethrow_exception(error);
        }
        template <class F> void post_after(std::chrono::milliseconds while_, F&& function) const {
            if (state_->has == fault::is_early)
                post(std::forward<F>(function));
            else
                eap::post_after(plain{state_}, while_, std::forward<F>(function));
        }
        bool operator==(const context_type& other) const noexcept {
            return state_ == other.state_ && state_->has != fault::copies_differ;
        }

      private:
        struct plain { // post, and nothing else
            std::shared_ptr<state> s;
            template <class F> void post(F function) const { context_type{s}.post(std::move(function)); }
            bool operator==(const plain&) const = default;
        };
        template <class Allocator> static std::shared_ptr<void> take_memory(const Allocator& given) {
            typename std::allocator_traits<Allocator>::template rebind_alloc<int> memory{given};
            return {memory.allocate(1), [memory](int* node) mutable { memory.deallocate(node, 1); }};
        }

        std::shared_ptr<state> state_;
    };
    static_assert(eap::synchronization_context<context_type>);

    explicit broken_loop(fault f) : state_(std::make_shared<state>(f)) {
        const std::lock_guard lock{all_mutex};
        all.push_back(state_);
    }
    broken_loop(const broken_loop&) = delete;
    broken_loop& operator=(const broken_loop&) = delete;
    ~broken_loop() {
        if (state_->has == fault::hangs_at_the_end)
            eap::detail::parking<>{}.wait();
        close_unless(fault::keeps_what_is_queued);
        for (std::thread& each : state_->threads)
            each.join();
    }

    context_type context() const { return context_type{state_}; }
    void close() { close_unless(fault::close_forgets); }

    /// Until nothing is queued and no operation is outstanding.
    void run() {
        std::unique_lock lock{state_->mutex};
        state_->runner = std::this_thread::get_id();
        while (wait(lock)) {
            item next = take();
            if (state_->has == fault::locked_while_running) {
                next.function();
                continue;
            }
            lock.unlock();
            call(next);
            if (state_->has == fault::keeps_what_ran)
                state_->keepsakes.push_back(std::move(next));
            if (state_->has != fault::locked_while_destroying)
                next = {};
            lock.lock();
        }
    }

  private:
    bool wait(std::unique_lock<std::mutex>& lock) {
        const auto is_over = [this] {
            return state_->has != fault::run_never_returns &&
                   (state_->outstanding == 0 ||
                    (state_->has == fault::run_returns_early && state_->posts == 0));
        };
        state_->changed.wait(lock, [&] { return !state_->queue.empty() || is_over(); });
        return !state_->queue.empty();
    }
    item take() {
        item next;
        if (state_->has == fault::newest_first) {
            next = std::move(state_->queue.back());
            state_->queue.pop_back();
        } else {
            next = std::move(state_->queue.front());
            state_->queue.pop_front();
        }
        return next;
    }
    void call(item& next) {
        if (state_->has != fault::keeps_memory)
            next.memory = nullptr;
        std::optional<eap::scoped_context> here;
        if (state_->has == fault::stays_current)
            state_->still_current = std::make_unique<eap::scoped_context>(context());
        else if (state_->has != fault::is_not_current)
            here.emplace(context());
        if (state_->has == fault::runs_several) {
            const std::lock_guard lock{state_->mutex};
            state_->threads.emplace_back([function = std::exchange(next.function, nullptr)] { function(); });
            return;
        }
        try {
            next.function();
            if (state_->has == fault::runs_twice)
                next.function();
        } catch (...) {
            if (state_->has == fault::loses_the_next_after_an_exception) {
                const std::lock_guard lock{state_->mutex};
                state_->keepsakes.insert(state_->keepsakes.end(), std::move_iterator{state_->queue.begin()},
                                         std::move_iterator{state_->queue.end()});
                state_->queue.clear();
            }
            if (state_->has != fault::swallows_exceptions)
                throw;
        }
    }
    void close_unless(fault forgets) {
        std::deque<item> unrun;
        {
            const std::lock_guard lock{state_->mutex};
            state_->closed = true;
            if (state_->has == forgets)
                return;
            unrun.swap(state_->queue);
            if (state_->has == fault::locked_while_destroying)
                destroy(unrun);
        }
        destroy(unrun);
    }
    void destroy(std::deque<item>& unrun) {
        for (item& each : std::exchange(unrun, {})) {
            each.memory = nullptr;
            if (state_->has == fault::runs_what_is_queued_at_the_end)
                each.function();
        }
    }

    const std::shared_ptr<state> state_;

    static inline std::mutex all_mutex;
    static inline std::vector<std::weak_ptr<state>> all; // guarded by all_mutex

  public:
    /// What a fault has kept holds handles, and would keep the loop for ever.
    static void clean_up() {
        const std::lock_guard lock{all_mutex};
        for (const auto& each : std::exchange(all, {})) {
            const auto left = each.lock();
            if (left == nullptr || !left->mutex.try_lock())
                continue; // it hangs
            const auto queued = std::exchange(left->queue, {});
            const auto kept = std::exchange(left->keepsakes, {});
            const auto current = std::move(left->still_current);
            left->mutex.unlock();
        }
    }
};

/// Long enough for a machine that does much else; and short where the fault itself is waited for.
lab::context_description suited_to(fault f) {
    lab::context_description said = everything;
    switch (f) {
    case fault::runs_several: // on threads that this loop does not wait for
        said = {.runs_one_at_a_time = true};
        [[fallthrough]];
    case fault::never_wakes:
    case fault::run_returns_early:
    case fault::is_early:
        said.quiet = 200ms;
        break;
    default:
        break;
    }
    switch (f) {
    case fault::drops_some:
    case fault::never_wakes:
    case fault::keeps_what_ran:
    case fault::locked_while_running:
    case fault::locked_while_destroying:
    case fault::keeps_what_is_queued:
    case fault::keeps_after_the_end:
    case fault::close_forgets:
    case fault::hangs_at_the_end:
    case fault::run_never_returns:
    case fault::loses_the_next_after_an_exception:
        said.patience = 500ms;
        break;
    default:
        break;
    }
    return said;
}

std::vector<std::string_view> found_in(const lab::conformance_report& report) {
    std::vector<std::string_view> names;
    for (const lab::finding& each : report.findings)
        names.push_back(each.name);
    return names;
}
std::vector<std::string_view> found_in(fault f) {
    const auto report = lab::check_context([f] { return broken_loop{f}; }, suited_to(f));
    broken_loop::clean_up();
    for (const lab::finding& each : report.findings) { // whole sentences
        CHECK(each.expected.ends_with('.'));
        CHECK(each.happened.ends_with('.'));
        CHECK(each.advice.ends_with('.'));
    }
    return found_in(report);
}
using names = std::vector<std::string_view>;

} // namespace

TEST_CASE("the loop that is broken below conforms without a fault, with every ability", "[conformance]") {
    const auto report = lab::check_context([] { return broken_loop{fault::none}; }, everything);
    INFO(report);
    CHECK(report);
    CHECK(report.omitted.empty());
}

TEST_CASE("a context that loses, repeats, hastens or disorders functions is found out", "[conformance]") {
    CHECK(found_in(fault::refuses) == names{"runs"});
    CHECK(found_in(fault::accepts_and_throws) == names{"refusal"});
    CHECK(found_in(fault::drops) == names{"runs"});
    CHECK(found_in(fault::drops_some) == names{"any thread"});
    CHECK(found_in(fault::runs_twice) == names{"once"});
    CHECK(found_in(fault::runs_in_post) == names{"deferred"});
    CHECK(found_in(fault::newest_first) == names{"order"});
    CHECK(found_in(fault::runs_several) == names{"one at a time"});
}

TEST_CASE("a context that keeps functions, or holds locks around them, is found out", "[conformance]") {
    CHECK(found_in(fault::never_wakes) == names{"wake-up"});
    CHECK(found_in(fault::keeps_what_ran) == names{"destruction"});
    CHECK(found_in(fault::locked_while_running) == names{"inside"});
    CHECK(found_in(fault::locked_while_destroying) == names{"reentry"});
}

TEST_CASE("a place that does not end as it should is found out", "[conformance]") {
    CHECK(found_in(fault::keeps_what_is_queued) == names{"teardown"});
    CHECK(found_in(fault::runs_what_is_queued_at_the_end) == names{});
    CHECK(found_in(fault::keeps_after_the_end) == names{"after the end"});
    CHECK(found_in(fault::drops_after_the_end) == names{"after the end"});
    CHECK(found_in(fault::throws_another_after_the_end) == names{"after the end"});
    CHECK(found_in(fault::close_forgets) == names{"close"});
    CHECK(found_in(fault::hangs_at_the_end) == names{"counting"});
}

TEST_CASE("abilities that are declared and not there are found out", "[conformance]") {
    CHECK(found_in(fault::copies_differ) == names{"copies"});
    CHECK(found_in(fault::send_returns_at_once) == names{"send"});
    CHECK(found_in(fault::send_forgets_exceptions) == names{"send"});
    CHECK(found_in(fault::is_not_current) == names{"current context"});
    CHECK(found_in(fault::stays_current) == names{"current context"});
    CHECK(found_in(fault::claims_every_thread) == names{"its thread"});
    CHECK(found_in(fault::claims_no_thread) == names{"its thread"});
    CHECK(found_in(fault::runs_here_everywhere) == names{"its thread"});
    CHECK(found_in(fault::run_returns_early) == names{"counting"});
    CHECK(found_in(fault::run_never_returns) == names{"counting"});
    CHECK(found_in(fault::swallows_exceptions) == names{"exceptions"});
    CHECK(found_in(fault::loses_the_next_after_an_exception) == names{"exceptions"});
    CHECK(found_in(fault::keeps_memory) == names{"memory"});
    CHECK(found_in(fault::ignores_memory) == names{"memory"});
    CHECK(found_in(fault::is_early) == names{"post_after"});
}
