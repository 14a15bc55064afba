// SPDX-License-Identifier: BSL-1.0
//
// The turn of an invocation that is the only one of its method. What whole methods do is tested with them.
#include <eap/typed_invocation.hpp> // first: proves that the header stands alone

#include "support/catch.hpp"
#include "support/client.hpp"

#include <eap/async_method_options.hpp>
#include <eap/async_operation.hpp>
#include <eap/completed_event_args.hpp>
#include <eap/detail/intrusive_ptr.hpp>
#include <eap/errors.hpp>
#include <eap/operation_block.hpp>
#include <eap/tracked.hpp>

#include <utility>

namespace {

using eap::detail::adopt_reference;
using eap::detail::intrusive_ptr;
using invocation = eap::detail::typed_invocation<int, void>;
using tests::lines;

/// A work that asks to hear what becomes of its invocations.
struct attentive_work {
    lines& log;
    int operator()() const { return 0; }
    void was_created(eap::detail::progress_operation<void>& /*operation*/) const { log.push_back("created"); }
    void never_began() const { log.push_back("never began"); }
    void is_about_to_end() const { log.push_back("about to end"); }
};
using core = eap::detail::method_core_of<attentive_work, int, void>;

struct fixture {
    lines log;
    intrusive_ptr<core> method{new core{eap::async_method_options{}, attentive_work{log}}, adopt_reference};

    fixture() {
        method->completed.connect([this](const auto&) { log.push_back(method->is_busy ? "busy" : "free"); });
    }
    intrusive_ptr<invocation> start() const {
        intrusive_ptr<invocation> made{new invocation{method, {}}, adopt_reference};
        made->occupy();
        return made;
    }
    static eap::completed_event_args<int> outcome() { return {{}, std::in_place, 1}; }
};

} // namespace

TEST_CASE("an invocation occupies its method until its outcome is about to be delivered",
          "[typed_invocation]") {
    fixture f;
    const auto made = f.start();
    CHECK(f.method->is_busy);
    CHECK_THROWS_AS(f.start(), eap::invalid_operation);
    made->begins();
    CHECK(made->deliver(fixture::outcome()) == eap::detail::delivery::made);
    made->is_over();
    CHECK(f.log == lines{"about to end", "free"}); // once each
    CHECK_NOTHROW(f.start()->is_over());
}

TEST_CASE("an invocation that never began frees its method, and its work hears of it", "[typed_invocation]") {
    fixture f;
    SECTION("because it was refused") {
        const auto made = f.start();
        made->begins();
        made->never_began();
        made->is_over();
    }
    SECTION("because its operation could not be made") { f.start()->is_over(); }
    CHECK(f.log == lines{"never began"});
    CHECK_FALSE(f.method->is_busy);
}

TEST_CASE("an invocation whose outcome is never delivered frees its method all the same",
          "[typed_invocation]") {
    fixture f;
    const auto made = f.start();
    made->begins();
    made->is_over();
    CHECK(f.log == lines{"about to end"});
    CHECK_FALSE(f.method->is_busy);
}

TEST_CASE("the deadline of an invocation may come before its work begins", "[typed_invocation]") {
    fixture f;
    const auto made = f.start();
    static_cast<void>(made->deliver(fixture::outcome()));
    made->begins(); // too late
    made->is_over();
    CHECK(f.log == lines{"about to end", "free"});
}
