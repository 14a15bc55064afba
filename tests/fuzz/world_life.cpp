// SPDX-License-Identifier: BSL-1.0
//
// The beginning and the end of a run: what is there, and that in the end nothing is left.
#include "fuzz/world.hpp"

namespace fuzz {

void world::live() {
    open();
    {
        std::vector<lab::thread> others;
        for (unsigned i = 1; i < script_.threads(); ++i)
            others.emplace_back("thread " + std::to_string(i), [this, i] { play(i); });
        play(0);
        pump([this] { return loop_->run_for(1ms); });
    }
    close();
}

void world::open() {
    loop_ = std::make_unique<eap::event_loop>();
    loop_context_ = loop_->context();
    pool_ = std::make_unique<eap::thread_pool>(2);
    pool_context_ = pool_->context();
    anchor_ = std::make_shared<eap::anchor>();
    shared_ = std::make_shared<counted>();
    event_ = std::make_shared<eap::event<int>>();
    pool_->on_exception([this](const std::exception_ptr& error) { caught(error); });
    eap::thread_pool::on_shared_exception([this](const std::exception_ptr& error) { caught(error); });
    eap::on_unobserved_error([this](const eap::unobserved_error& what) {
        call_story& of = calls_.at(what.async_state.get<std::size_t>());
        ++of.unobserved;
    });
    managers_ = {std::make_shared<eap::operation_manager>(),
                 std::make_shared<eap::operation_manager>(context_of(home::loop))};
    for (const auto& each : managers_)
        each->on_undelivered([this](const eap::undelivered& what) { hear(what); });
    eap::async_method_options options;
    options.where = script_.method_works_on_the_loop() ? eap::any_synchronization_context{*loop_context_}
                                                       : eap::any_synchronization_context{*pool_context_};
    options.on_pending_id = static_cast<eap::pending_id>(script_.policy());
    if (script_.method_has_deadline())
        options.operation.timeout = 5ms;
    many_ = make_method<method>(options);
    one_ = make_method<single_method>(options);
}

template <class Method> std::shared_ptr<Method> world::make_method(const eap::async_method_options& options) {
    auto made = std::make_shared<Method>(
        [this](eap::async_operation<value, report>& op, int way) {
            return work_of(op, way, std::same_as<Method, single_method>);
        },
        options);
    made->completed.connect([this](const eap::completed_event_args<value>& outcome) {
        const visit here{*this};
        if (const auto* const id = outcome.user_state().get_if<task>()) {
            invocation_story& of = invocations_.at(id->of);
            expect(!of.is_inside, "an invocation's handlers run one at a time");
            expect(++of.outcomes == 1, "one completed for each invocation");
            play_tricks(of.trick, nullptr);
        }
    });
    made->progress_changed.connect([this](const eap::progress_changed_event_args<report>& what) {
        const visit here{*this};
        if (const auto* const id = what.user_state().get_if<task>()) {
            invocation_story& of = invocations_.at(id->of);
            expect(of.outcomes == 0, "no progress_changed after completed");
            expect(!std::exchange(of.is_inside, true), "an invocation's handlers run one at a time");
            lab::checkpoint("inside progress_changed");
            of.is_inside = false;
        }
    });
    made->on_undelivered([this](const eap::undelivered& what) {
        if (const auto* const id = what.user_state.get_if<task>())
            ++invocations_.at(id->of).undelivered;
    });
    return made;
}

value world::work_of(eap::async_operation<value, report>& op, int way, bool is_single) {
    invocation_story& of = invocations_.at(static_cast<std::size_t>(way / 16));
    expect(++of.runs == 1, "the work of an invocation runs once");
    if (is_single && !script_.method_has_deadline())
        expect(++working_ == 1, "the work of a method of single invocations does not overlap");
    struct at_end {
        int* working;
        ~at_end() {
            if (working != nullptr)
                --*working;
        }
    } const leave{is_single && !script_.method_has_deadline() ? &working_ : nullptr};
    op.report_progress(1, report{0, 1});
    lab::checkpoint("inside the work");
    expect(!of.is_superseded || op.cancellation_pending(), "a superseded invocation is asked to stop");
    switch (way % 4) {
    case 0:
        throw thrown_by_work{};
    case 1:
        if (op.cancellation_pending())
            throw eap::operation_cancelled{};
        break;
    default:
        op.report_progress(2, report{0, 2});
    }
    return value{1};
}

void world::close() {
    constexpr int enough = 1'000; // what has not ended by then never will, and that is found
    for (int i = 0; i < enough && let_go_of_everything(); ++i) {
    }
    managers_ = {};
    many_.reset();
    one_.reset();
    for (auto& each : subscriptions_)
        each.reset();
    event_.reset();
    anchor_.reset();
    shared_.reset();
    pool_.reset();
    loop_.reset();
    lab::settle(); // what nobody runs any more is told by then
    pool_context_.reset();
    loop_context_.reset();
}

bool world::let_go_of_everything() {
    for (auto& each : slots_)
        std::exchange(each, nullptr).reset();
    for (auto& each : plain_)
        std::exchange(each, nullptr).reset();
    for (auto& each : held_calls_)
        std::exchange(each, held_call{}) = {};
    pump([this] { return loop_->run_for(1s); });
    lab::let_time_pass(1s); // a handler may wait for some of it
    lab::settle();
    const bool moved = pump([this] { return loop_->poll(); }); // and began something new, perhaps
    return moved || visits_ != 0 || holds_anything() ||
           !std::ranges::all_of(told_, [](const auto& each) { return each.started == each.completed; });
}

bool world::holds_anything() const {
    return std::ranges::any_of(slots_, [](const auto& each) { return each != nullptr; }) ||
           std::ranges::any_of(plain_, [](const auto& each) { return each != nullptr; }) ||
           std::ranges::any_of(held_calls_, [](const auto& each) { return each.it.has_value(); });
}

void world::caught(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const thrown_by_handler&) {
        ++caught_;
    } catch (...) {
        expect(false, "only what handlers throw comes out of a pool");
    }
}

} // namespace fuzz
