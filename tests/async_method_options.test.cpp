// SPDX-License-Identifier: BSL-1.0
#include <eap/async_method_options.hpp> // first: proves that the header stands alone

#include "support/catch.hpp"

#include <eap/operation_options.hpp>

TEST_CASE("a method that is told nothing runs on the shared pool and refuses an id that is pending",
          "[async_method_options]") {
    const eap::async_method_options usual;
    CHECK_FALSE(usual.where.has_value());
    CHECK(usual.on_pending_id == eap::pending_id::reject);
    CHECK(usual.operation.timeout == eap::no_timeout);
    CHECK(usual.operation.progress == eap::progress_delivery::every());
}
