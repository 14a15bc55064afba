// SPDX-License-Identifier: BSL-1.0
//
// Layer 8 – the lab; not in eap.hpp. What a context promises, each promise as a check that can find it broken.
#ifndef EAP_TESTING_CONTEXT_PROMISES_HPP
#define EAP_TESTING_CONTEXT_PROMISES_HPP

#include "eap/any_synchronization_context.hpp"
#include "eap/detail/parking.hpp"
#include "eap/errors.hpp"
#include "eap/scoped_context.hpp"
#include "eap/synchronization_context.hpp"
#include "eap/testing/conformance_stage.hpp"
#include "eap/testing/probe.hpp"

#include <atomic>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace eap::testing {

/// What a context's author says of it. What is said is tested; what no context owes is not asked for unless it is said.
struct context_description {
    bool ends = true;                ///< false: the place is there to the end of the program, or has no state
    bool runs_inline = false;        ///< inside `post`
    bool runs_in_order = false;      ///< what one thread posts, in that order
    bool runs_one_at_a_time = false; ///< no two functions at the same time
    bool refuses_after_end = false;  ///< `post` throws `context_closed` when the place is gone; else it drops
    bool is_current_inside = false;  ///< is `scoped_context::current()` while it runs a function
    bool counts_operations = false;  ///< `run` returns when none is outstanding, and not before
    bool knows_its_thread = false;   ///< `running_in_this_thread`, and `try_run_here` when there is one
    bool survives_exceptions =
        false; ///< they leave `run`, or the place has `take_exception()`; later functions still run
    bool uses_function_memory = false;         ///< takes its node from a function's `get_allocator()`
    std::chrono::milliseconds patience{5'000}; ///< until what should have happened is given up
    std::chrono::milliseconds quiet{20};       ///< how long is watched that nothing happens
};

namespace detail {

using eap::detail::parking;

struct thrown_by_a_function : std::runtime_error {
    thrown_by_a_function() : std::runtime_error{"thrown by a function of the conformance kit"} {}
};

/// Memory that is counted.
struct lent_memory {
    std::atomic<int> taken{0};
    std::atomic<int> outstanding{0};
};
template <class T> struct lending_allocator {
    using value_type = T;
    explicit lending_allocator(std::shared_ptr<lent_memory> m) noexcept : memory(std::move(m)) {}
    template <class U> lending_allocator(const lending_allocator<U>& other) noexcept : memory(other.memory) {}
    T* allocate(std::size_t n) {
        T* const result = std::allocator<T>{}.allocate(n);
        ++memory->taken;
        ++memory->outstanding;
        return result;
    }
    void deallocate(T* what, std::size_t n) noexcept {
        std::allocator<T>{}.deallocate(what, n);
        --memory->outstanding;
    }
    template <class U> bool operator==(const lending_allocator<U>& other) const noexcept {
        return memory == other.memory;
    }
    std::shared_ptr<lent_memory> memory;
};

/// The promises. Each is a check that makes a place, on the calling thread.
template <class Make> class context_promises {
  public:
    using stage = conformance_stage<Make>;
    using context_type = typename stage::context_type;
    using place_type = std::remove_reference_t<decltype(std::declval<stage&>().place())>;
    using patience_type = std::chrono::milliseconds;

    static constexpr bool has_close = requires(place_type& place) { place.close(); };
    static constexpr bool has_post_after =
        requires(const context_type& context) { context.post_after(patience_type{1}, archetypes::work{}); };

    struct check_under_way { // owned by its thread, which may be left behind
        Make make;
        context_description said;
        std::string_view name;
        conformance_course course;

        void find(std::string expected, std::string happened, std::string advice) {
            course.find({name, std::move(expected), std::move(happened), std::move(advice)});
        }
        void find_as(std::string_view other, std::string expected, std::string happened, std::string advice) {
            course.find({other, std::move(expected), std::move(happened), std::move(advice)});
        }
    };
    using check = void (*)(check_under_way&);

    static void runs(check_under_way& now) {
        const auto functions = std::make_shared<diary>();
        {
            stage on{now.course, now.make};
            now.course.step("post before the place is run");
            const bool accepted = on.post(noted(functions));
            on.run_while([&] {
                now.course.step("wait for a function that was posted");
                functions->wait(now.said.patience,
                                [](const auto& all) { return all.front().runs != 0 || all.front().ended; });
                const diary::entry first = functions->entries().front();
                if (!accepted && first.runs != 0)
                    now.find_as("refusal", "When post throws, the function was not accepted.",
                                "post threw, and the function ran all the same.",
                                "Throw before you queue it, or take it back out before you throw.");
                else if (!accepted)
                    now.find("A place that is there accepts functions.", "post threw.",
                             "Throw only when the place is gone, or when there is no memory.");
                else if (first.runs == 0)
                    now.find("A function that was posted runs.",
                             first.ended ? "It was destroyed, and had not run." : "It did not run.",
                             "Queue it in post, and run the queue in run().");
                else if (!functions->wait_until_all_have_ended(now.said.patience))
                    now.find_as("destruction", "A function is destroyed when it has run.",
                                "It was still there long after.",
                                "Let go of it before the next one runs: it holds what its author is waiting "
                                "to see end.");
            });
        }
        look_for_repeats(now, *functions);
    }

    static void wakes_up(check_under_way& now) {
        constexpr int rounds = 3;
        const auto functions = std::make_shared<diary>();
        stage on{now.course, now.make};
        on.run_while([&] {
            for (int round = 0; round < rounds; ++round) {
                now.course.step("wait for an idle place to wake up");
                if (!on.post(noted(functions)) || !functions->wait_until_all_have_run(now.said.patience)) {
                    now.find("A post wakes a place that has nothing to do.",
                             "A function that was posted from another thread then did not run.",
                             "Wake the loop whenever the queue stops being empty, and look at the queue "
                             "before you sleep.");
                    return;
                }
                functions->wait(now.said.quiet, [](const auto&) { return false; }); // until it is idle
            }
        });
        look_for_repeats(now, *functions);
    }

    static void defers(check_under_way& now) {
        struct observation {
            std::atomic<std::thread::id> posting;
            std::atomic<bool> ran_inside{false};
        };
        const auto seen = std::make_shared<observation>();
        const auto functions = std::make_shared<diary>();
        stage on{now.course, now.make};
        const auto post = [seen, functions, context = on.context()](auto next) {
            auto function = noted(functions, [seen, next] {
                if (seen->posting.load() == std::this_thread::get_id())
                    seen->ran_inside = true;
                next();
            });
            const std::thread::id outer = seen->posting.exchange(std::this_thread::get_id());
            context.post(std::move(function));
            seen->posting = outer;
        };
        now.course.step("post, on the thread that runs the place");
        post([post, functions] { post([] {}); });
        on.run_while([&] {
            functions->wait(now.said.patience,
                            [](const auto& all) { return all.size() == 2 && all.back().runs != 0; });
            now.course.step("post, on another thread");
            post([] {});
            functions->wait_until_all_have_run(now.said.patience);
        });
        if (seen->ran_inside)
            now.find("post returns before the function runs.", "The function ran inside post.",
                     "Queue it also when this thread is the place's own; or say runs_inline, and your "
                     "handlers run wherever a "
                     "worker completes.");
        look_for_repeats(now, *functions);
    }

    static void takes_from_any_thread(check_under_way& now) {
        constexpr int threads = 3;
        constexpr int posts = 200;
        const auto functions = std::make_shared<diary>();
        {
            stage on{now.course, now.make};
            on.run_while([&] {
                now.course.step("post from several threads at the same time");
                std::vector<std::thread> posters;
                for (int i = 0; i < threads; ++i)
                    posters.emplace_back([&] {
                        for (int post = 0; post < posts; ++post)
                            on.post(noted(functions));
                    });
                for (std::thread& each : posters)
                    each.join();
                if (!functions->wait_until_all_have_run(now.said.patience))
                    now.find("Any number of threads may post at the same time.",
                             of(unrun(*functions), *functions) + " functions did not run.",
                             "Guard the queue; and do not count on one native event for each function, for "
                             "loops lose them.");
            });
        }
        look_for_repeats(now, *functions);
    }

    struct chain { // posts itself again from inside
        std::shared_ptr<diary> functions;
        context_type context;
        int left;
        void operator()() const {
            if (left != 0)
                context.post(noted(functions, chain{functions, context, left - 1}));
        }
    };
    static void takes_from_inside(check_under_way& now) {
        constexpr int links = 5;
        const auto functions = std::make_shared<diary>();
        {
            stage on{now.course, now.make};
            on.post(noted(functions, chain{functions, on.context(), links - 1}));
            on.run_while([&] {
                now.course.step("post from inside a function of the place");
                if (!functions->wait(now.said.patience, [](const auto& all) {
                        return all.size() == links && all.back().runs != 0;
                    }))
                    now.find(
                        "A function may post to the place that runs it.", "What it posted did not run.",
                        "Hold no lock while a function runs, and look at the queue again before you sleep.");
            });
        }
        look_for_repeats(now, *functions);
    }

    static void keeps_order(check_under_way& now) {
        constexpr std::size_t before = 10;
        constexpr std::size_t burst = 200;
        const auto functions = std::make_shared<diary>();
        stage on{now.course, now.make};
        for (std::size_t i = 0; i < before; ++i)
            on.post(noted(functions));
        on.run_while([&] {
            functions->wait_until_all_have_run(now.said.patience);
            for (std::size_t i = 0; i < burst; ++i)
                on.post(noted(functions));
            functions->wait_until_all_have_run(now.said.patience);
        });
        const std::vector<std::size_t> order = functions->order();
        for (std::size_t i = 1; i < order.size(); ++i)
            if (order[i] < order[i - 1]) {
                now.find("Functions run in the order in which a thread posts them.",
                         "Function " + std::to_string(order[i]) + " ran after function " +
                             std::to_string(order[i - 1]) + '.',
                         "Take them from the other end; or do not say runs_in_order: operations keep their "
                         "own order.");
                break;
            }
        look_for_repeats(now, *functions);
    }

    static void runs_one_at_a_time(check_under_way& now) {
        struct overlap {
            std::atomic<int> inside{0};
            std::atomic<bool> seen{false};
            parking<> met;
        };
        const auto both = std::make_shared<overlap>();
        const auto functions = std::make_shared<diary>();
        stage on{now.course, now.make};
        on.run_while([&] {
            for (int i = 0; i < 2; ++i)
                on.post(noted(functions, [both, quiet = now.said.quiet] {
                    if (++both->inside > 1) {
                        both->seen = true;
                        both->met.set();
                    }
                    both->met.wait_until(std::chrono::steady_clock::now() + quiet); // for the other one
                    --both->inside;
                }));
            functions->wait_until_all_have_ended(now.said.patience);
        });
        if (both->seen)
            now.find("Functions run one at a time.", "Two ran at the same time.",
                     "Let one thread run them; or do not say runs_one_at_a_time: operations see to it "
                     "themselves.");
        look_for_repeats(now, *functions);
    }

    static void copies_name_one_place(check_under_way& now) {
        const auto functions = std::make_shared<diary>();
        stage on{now.course, now.make};
        const context_type copy = on.context(); // NOLINT(performance-unnecessary-copy-initialization)
        const any_synchronization_context erased = on.context();
        bool ran = true;
        on.run_while([&] {
            copy.post(noted(functions));
            erased.post(noted(functions));
            ran = functions->wait_until_all_have_run(now.said.patience);
        });
        if (!(copy == on.context()) || !(erased == any_synchronization_context{copy}) ||
            !(on.place().context() == copy))
            now.find("Copies of a handle are equal, and so are two handles that a place lends.",
                     "They were not.",
                     "Compare what they share, for example a pointer to the place's state.");
        if (!ran)
            now.find("A copy of a handle is as good as the handle.", "What was posted to it did not run.",
                     "Let the copies share the place's state.");
    }

    static void sends(check_under_way& now) {
        stage on{now.course, now.make};
        on.run_while([&] {
            now.course.step("send, from another thread");
            bool ran = false;
            bool threw = false;
            eap::send(on.context(), [&ran] { ran = true; });
            try {
                eap::send(on.context(), [] { throw thrown_by_a_function{}; });
            } catch (const thrown_by_a_function&) {
                threw = true;
            }
            if (!ran || !threw)
                now.find("send returns when the function has returned, and throws what it throws.",
                         ran ? "What it threw got lost." : "It returned before the function had run.",
                         "Leave send out: eap::send posts and waits.");
        });
    }

    static void is_current_inside(check_under_way& now) {
        struct answer {
            std::atomic<bool> inside{false};
        };
        const auto seen = std::make_shared<answer>();
        const auto functions = std::make_shared<diary>();
        const any_synchronization_context* const before = scoped_context::current();
        stage on{now.course, now.make};
        on.run_while([&] {
            on.post(noted(functions, [seen, context = on.context()] {
                const any_synchronization_context* const current = scoped_context::current();
                const any_synchronization_context here = context;
                const bool can_be_told = here == any_synchronization_context{context};
                seen->inside = current != nullptr && (*current == here || !can_be_told);
            }));
            functions->wait_until_all_have_ended(now.said.patience);
        });
        if (!seen->inside)
            now.find("While the place runs a function, it is the current context.",
                     "scoped_context::current() was another, or none.",
                     "Put a scoped_context with your handle around the call.");
        if (scoped_context::current() != before)
            now.find("When run has returned, the current context is what it was before.", "It was not.",
                     "End the scoped_context where it began.");
    }

    static void knows_its_thread(check_under_way& now) {
        struct answers {
            std::atomic<bool> inside{false};
            std::atomic<bool> ran_here{false};
            std::atomic<bool> said_so{false};
        };
        const auto seen = std::make_shared<answers>();
        const auto functions = std::make_shared<diary>();
        bool elsewhere = false;
        bool ran_elsewhere = false;
        stage on{now.course, now.make};
        on.run_while([&] {
            now.course.step("ask running_in_this_thread and try_run_here");
            on.post(noted(functions, [seen, context = on.context()] {
                seen->inside = eap::running_in_this_thread(context).value_or(false);
                seen->said_so = eap::try_run_here(context, [&seen] { seen->ran_here = true; });
            }));
            functions->wait_until_all_have_ended(now.said.patience);
            elsewhere = eap::running_in_this_thread(on.context()).value_or(true);
            elsewhere = eap::try_run_here(on.context(), [&] { ran_elsewhere = true; }) || elsewhere;
        });
        if (!seen->inside || elsewhere)
            now.find(
                "running_in_this_thread is true inside a function of the place, and false on other threads.",
                seen->inside ? "It was true on another thread." : "It was not true inside.",
                "Leave it out when you cannot tell: unknown is an answer, a wrong one runs handlers on the "
                "wrong thread.");
        if (!seen->ran_here || !seen->said_so || ran_elsewhere)
            now.find("try_run_here runs the function inside the place, and not elsewhere, and says which.",
                     ran_elsewhere ? "It ran it on another thread." : "It did not inside.",
                     "Leave it out: eap::try_run_here asks running_in_this_thread.");
    }

    static void counts_operations(check_under_way& now) {
        if constexpr (stage::has_run) {
            const auto functions = std::make_shared<diary>();
            stage on{now.course, now.make};
            const auto returned = std::make_shared<parking<>>();
            now.course.step("tell of an operation");
            eap::operation_started(on.context());
            const companion_thread other{[&] {
                now.course.step("wait whether run() returns while an operation is outstanding");
                const bool early = returned->wait_until(std::chrono::steady_clock::now() + now.said.quiet);
                if (!early) {
                    on.post(noted(functions));
                    functions->wait_until_all_have_ended(now.said.patience); // dropped, if it must be
                }
                now.course.step("wait for run() to return: no operation is outstanding any more");
                eap::operation_completed(on.context());
                const bool in_time =
                    returned->wait_until(std::chrono::steady_clock::now() + now.said.patience);
                if (early)
                    now.find("run does not return while an operation is outstanding.", "It returned.",
                             "Count in operation_started and operation_completed, and sleep while the count "
                             "is not 0.");
                else if (!in_time)
                    now.find("run returns when the last operation has completed and nothing is queued.",
                             "It did not return.",
                             "Wake the loop in operation_completed when the count becomes 0.");
            }};
            on.run();
            returned->set();
            other.join();
        }
    }

    static void survives_exceptions(check_under_way& now) {
        const auto functions = std::make_shared<diary>();
        stage on{now.course, now.make};
        std::exception_ptr taken;
        bool later_ran = true;
        on.post(noted(functions, [] { throw thrown_by_a_function{}; }));
        on.post(noted(functions));
        on.run_while([&] {
            now.course.step("wait for the function behind one that throws");
            later_ran = functions->wait_until_all_have_ended(now.said.patience);
        });
        if constexpr (has_take_exception)
            taken = on.place().take_exception();
        else if (!on.caught().empty())
            taken = on.caught().front();
        bool is_the_one = false;
        try {
            if (taken != nullptr)
                std::rethrow_exception(taken);
        } catch (const thrown_by_a_function&) {
            is_the_one = true;
        } catch (...) { // another one
        }
        if (!later_ran)
            now.find("The functions behind one that throws still run.", "They did not.",
                     "Leave them queued, and wake the loop again before the exception leaves it.");
        if (!is_the_one)
            now.find("What a function throws reaches whoever runs the place, unchanged.",
                     taken != nullptr ? "Another exception did." : "It got lost.",
                     "Let it leave run(); or keep it for a hook, here take_exception().");
        look_for_repeats(now, *functions);
    }

    struct function_with_memory {
        std::shared_ptr<lent_memory> memory;
        std::shared_ptr<std::atomic<int>> outstanding_inside;
        probe<void (*)()> note;

        lending_allocator<std::byte> get_allocator() const { return lending_allocator<std::byte>{memory}; }
        void operator()() {
            *outstanding_inside = memory->outstanding.load();
            note();
        }
    };
    static void uses_function_memory(check_under_way& now) {
        const auto functions = std::make_shared<diary>();
        const auto memory = std::make_shared<lent_memory>();
        const auto inside = std::make_shared<std::atomic<int>>(0);
        {
            stage on{now.course, now.make};
            on.run_while([&] {
                on.post(function_with_memory{memory, inside, probe<void (*)()>{functions, [] {}}});
                functions->wait_until_all_have_ended(now.said.patience);
            });
            on.post(function_with_memory{memory, inside, probe<void (*)()>{functions, [] {}}}); // never runs
        }
        const bool keeps_some = !functions->wait_until_all_have_ended(now.said.quiet); // another matter
        if (memory->taken == 0)
            now.find("The node of a function comes from its get_allocator().", "Nothing was asked of it.",
                     "Allocate the node by it; or do not say uses_function_memory.");
        else if (*inside != 0)
            now.find("A function's memory is given back before the function is called.",
                     "It was still taken while the function ran.",
                     "Move the function out and free the node first: the function may post again into the "
                     "same memory.");
        if (memory->outstanding != 0 && now.said.ends && !keeps_some)
            now.find("All of a function's memory is given back.", "Some was not.",
                     "Free the node also of a function that never runs.");
    }

    static void posts_after(check_under_way& now) {
        if constexpr (has_post_after) {
            const auto functions = std::make_shared<diary>();
            stage on{now.course, now.make};
            on.run_while([&] {
                now.course.step("wait for post_after");
                const auto begin = std::chrono::steady_clock::now();
                on.context().post_after(now.said.quiet, noted(functions));
                const bool ran = functions->wait_until_all_have_run(now.said.patience + now.said.quiet);
                if (!ran || std::chrono::steady_clock::now() - begin < now.said.quiet)
                    now.find("post_after runs the function after the while, not before.",
                             ran ? "It ran before." : "It did not run.",
                             "Leave post_after out: the timer thread posts.");
            });
        }
    }

    static void find_kept(check_under_way& now, const diary& functions, std::string_view name = "teardown") {
        if (!functions.wait_until_all_have_ended(now.said.patience))
            now.find_as(name, "When the place ends, what is queued is destroyed.",
                        of(count(functions, &diary::entry::ended, false), functions) +
                            " functions were still there, while a handle was.",
                        "Empty the queue where the place ends, not with the last handle: functions hold "
                        "handles. So an operation "
                        "learns that its home is gone.");
    }
    static void ends_with_functions_queued(check_under_way& now) {
        const auto functions = std::make_shared<diary>();
        stage on{now.course, now.make};
        for (int i = 0; i < 5; ++i)
            on.post(noted(functions));
        on.end();
        find_kept(now, *functions);
        look_for_repeats(now, *functions);
    }

    /// Posts from its destructor, as what waits for an operation may.
    struct posts_at_its_end {
        explicit posts_at_its_end(context_type c) : context(std::move(c)) {}
        posts_at_its_end(posts_at_its_end&& other) noexcept : context(std::move(other.context)) {
            other.context.reset();
        }
        posts_at_its_end& operator=(posts_at_its_end&&) = delete;
        ~posts_at_its_end() {
            if (!context)
                return;
            try {
                context->post([] {});
            } catch (...) { // refused: as it should be
            }
        }
        void operator()() {}
        std::optional<context_type> context;
    };
    static void destroys_outside_of_locks(check_under_way& now) {
        const auto functions = std::make_shared<diary>();
        stage on{now.course, now.make};
        on.run_while([&] {
            now.course.step("run a function that posts when it is destroyed");
            on.post(noted(functions, [end = std::make_shared<posts_at_its_end>(on.context())] {}));
            functions->wait_until_all_have_ended(now.said.patience);
        });
        on.post(noted(functions, [end = std::make_shared<posts_at_its_end>(on.context())] {}));
        now.course.step("destroy the place with a function queued that posts when it is destroyed");
        on.end();
        find_kept(now, *functions);
    }

    static void ends_while_others_post(check_under_way& now) {
        constexpr int threads = 2;
        constexpr int posts = 500;
        const auto functions = std::make_shared<diary>();
        stage on{now.course, now.make};
        std::atomic<int> posted{0};
        std::vector<std::thread> posters;
        for (int i = 0; i < threads; ++i)
            posters.emplace_back([&, context = on.context()] {
                for (int post = 0; post < posts; ++post, ++posted) {
                    try {
                        context.post(noted(functions));
                    } catch (...) { // it has ended
                    }
                }
            });
        while (posted < posts / 2)
            std::this_thread::yield();
        now.course.step("destroy the place while others post");
        on.end();
        now.course.step("wait for those who post to a place that ends");
        for (std::thread& each : posters)
            each.join();
        find_kept(now, *functions);
        look_for_repeats(now, *functions);
    }

    static void find_accepted(check_under_way& now, const context_type& context) {
        const auto functions = std::make_shared<diary>();
        std::string threw = "It did not throw.";
        now.course.step("post to a place that accepts no more");
        try {
            context.post(noted(functions));
        } catch (const context_closed&) {
            threw.clear();
        } catch (...) {
            threw = "It threw something else.";
        }
        functions->wait_until_all_have_ended(now.said.refuses_after_end ? now.said.quiet : now.said.patience);
        const diary::entry last = functions->entries().front();
        if (last.runs != 0 || !last.ended)
            now.find_as("after the end",
                        "What is posted to a place that is gone is refused, or destroyed unrun.",
                        last.runs != 0 ? "It ran." : "It was kept.",
                        "Let post throw eap::context_closed once the place has ended; let handles share what "
                        "says so.");
        else if (now.said.refuses_after_end && !threw.empty())
            now.find_as(
                "after the end", "post throws eap::context_closed when the place is gone.", threw,
                "Let handles share a flag that outlives the place, and look at it under the queue's lock.");
    }
    static void refuses_after_its_end(check_under_way& now) {
        stage on{now.course, now.make};
        on.end();
        find_accepted(now, on.context());
        now.course.step("tell a place that is gone of an operation's end");
        eap::operation_completed(on.context());
    }
    static void closes(check_under_way& now) {
        if constexpr (has_close) {
            const auto functions = std::make_shared<diary>();
            stage on{now.course, now.make};
            on.post(noted(functions));
            now.course.step("close the place");
            on.place().close();
            find_kept(now, *functions, now.name);
            find_accepted(now, on.context());
        }
    }

  private:
    static constexpr bool has_take_exception = requires(place_type& place) {
        { place.take_exception() } -> std::convertible_to<std::exception_ptr>;
    };

    static auto nothing() {
        return [] {};
    }
    template <class F> static probe<F> noted(const std::shared_ptr<diary>& in, F function) {
        return probe<F>{in, std::move(function)};
    }
    static auto noted(const std::shared_ptr<diary>& in) { return noted(in, nothing()); }

    /// Whatever else a check is about.
    static void look_for_repeats(check_under_way& now, const diary& what) {
        for (const diary::entry& each : what.entries())
            if (each.runs > 1)
                now.find_as("once", "A function runs at most once.",
                            "One ran " + std::to_string(each.runs) + " times.",
                            "Move it out of the queue before you call it, and let nobody else see it.");
    }
    static std::size_t count(const diary& what, bool diary::entry::* fact, bool is) {
        std::size_t result = 0;
        for (const diary::entry& each : what.entries())
            result += each.*fact == is ? 1 : 0;
        return result;
    }
    static std::size_t unrun(const diary& what) {
        std::size_t result = 0;
        for (const diary::entry& each : what.entries())
            result += each.runs == 0 ? 1 : 0;
        return result;
    }
    static std::string of(std::size_t some, const diary& what) {
        return std::to_string(some) + " of " + std::to_string(what.entries().size());
    }
};

} // namespace detail

} // namespace eap::testing

#endif
