// SPDX-License-Identifier: BSL-1.0
#include <eap/memory.hpp>

#include "support/catch.hpp"

#include "eap/contexts/event_loop.hpp"
#include "eap/detail/block_memory.hpp"
#include "eap/errors.hpp"

#include <memory_resource>

// That all comes from a resource which was set in time is what examples/own_memory.cpp shows: it takes a program of its own.

TEST_CASE("a memory resource that is set when memory has been taken is refused", "[memory]") {
    eap::event_loop loop;
    loop.context().post([] {});
    loop.poll();
    std::pmr::synchronized_pool_resource late;
    CHECK_THROWS_AS(eap::set_memory_resource(late), eap::invalid_operation);
    CHECK_NOTHROW(eap::set_memory_resource(*std::pmr::new_delete_resource())); // it is that
}
