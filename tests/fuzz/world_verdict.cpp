// SPDX-License-Identifier: BSL-1.0
//
// What must hold of each operation, call and invocation, whatever the script.
#include "fuzz/world.hpp"

namespace fuzz {

const std::vector<std::string>& world::breaches() {
    for (const operation_story& each : operations_)
        judge(each);
    for (const call_story& each : calls_)
        judge(each);
    for (const invocation_story& each : invocations_)
        judge(each);
    for (const notifications& each : told_)
        expect(each.started == each.completed, "a home hears of as many ends as starts");
    expect(caught_ <= thrown_, "no exception comes twice");
    expect(thrown_ == 0 || caught_ != 0, "what handlers throw reaches whoever runs the context");
    expect(counted::alive == 0, "every value and every handler is destroyed once");
    return breaches_;
}

void world::judge(const operation_story& each) {
    if (!each.is_created) {
        expect(each.outcomes + each.undelivered == 0,
               "nothing is heard of an operation that was never created");
        return;
    }
    expect(each.wins <= 1, "one winner");
    if (each.is_plain) {
        expect(each.outcomes + each.undelivered <= 1, "a plain operation ends once");
        expect(each.functions_run <= each.functions_accepted, "a function runs once");
        if (each.has_last_function && each.id.key != 0) // else it is not known which one is undelivered
            expect(each.outcomes + each.undelivered == 1, "the last function runs, or is undelivered");
        return;
    }
    expect(each.outcomes + each.undelivered == 1, "one outcome, delivered or undelivered");
    if (each.wins == 1)
        expect(each.told == each.won, "the outcome is the winner's");
    else if (!each.runs_on_pool)
        expect((each.told == ending::timed_out && each.has_deadline) ||
                   ((each.told == ending::abandoned || each.told == ending::cancelled) && each.is_dropped),
               "without a winner, the deadline or nobody decides");
    if (each.runs_on_pool) // what its work reports and wins is not counted
        return;
    expect(each.heard <= each.accepted, "only accepted reports are delivered");
    if (each.outcomes == 1 && each.keeps_every)
        expect(each.heard == each.accepted, "every accepted report is delivered before the completion");
    if (each.outcomes == 1)
        for (std::size_t i = 0; i < each.next.size(); ++i)
            if (each.accepted_of[i] == each.accepted && each.accepted != 0) // the only sender
                expect(each.heard_last[i] == each.accepted_last[i], "the last report is delivered");
}

void world::judge(const call_story& each) {
    if (!each.is_begun) {
        expect(each.runs + each.callbacks + each.unobserved == 0,
               "nothing is heard of a call that never began");
        return;
    }
    expect(each.runs <= 1, "a call runs once");
    expect(each.ends <= 1, "a call is ended once");
    expect(each.callbacks <= (each.has_callback ? 1 : 0), "one callback");
    if (each.has_callback && !is_closed(each.at) && !is_gone(each.listener))
        expect(each.callbacks == 1, "the callback comes");
    expect(each.unobserved + each.ends <= 1, "an error is ended or unobserved");
    if (each.runs == 1 && each.ends == 0)
        expect(each.unobserved == (each.throws ? 1 : 0), "an error that nobody ended is told");
}

void world::judge(const invocation_story& each) {
    if (!each.is_started)
        expect(each.outcomes + each.undelivered == 0, "nothing is heard of an invocation that was refused");
    else if (each.may_vanish)
        expect(each.outcomes + each.undelivered <= 1, "one end of an invocation of a method that is gone");
    else
        expect(each.outcomes + each.undelivered == 1, "one end of an invocation");
}

} // namespace fuzz
