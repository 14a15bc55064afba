// SPDX-License-Identifier: BSL-1.0
#include <eap/testing/conformance_report.hpp>

#include "support/catch.hpp"

#include <sstream>

namespace lab = eap::testing;

TEST_CASE("a report is true until something is found", "[conformance]") {
    lab::conformance_report report;
    CHECK(report);
    report.add({"order", "First.", "Second.", "Third."});
    CHECK_FALSE(report);
}

TEST_CASE("a report keeps the first finding of each name", "[conformance]") {
    lab::conformance_report report;
    report.add({"order", "First.", "", ""});
    report.add({"order", "Again.", "", ""});
    report.add({"wake-up", "Other.", "", ""});
    REQUIRE(report.findings.size() == 2);
    CHECK(report.findings.front().expected == "First.");
    CHECK(report.findings.back().name == "wake-up");
}

TEST_CASE("a report prints as lines that a person can act on", "[conformance]") {
    lab::conformance_report report;
    report.tested = {"runs", "order"};
    report.omitted = {"memory"};
    report.add({"order", "In order.", "Not.", "Turn it round."});
    std::ostringstream out;
    out << report;
    CHECK(out.str() == "2 tested, 1 omitted, 1 found\norder: In order. Not. Turn it round.");
}
