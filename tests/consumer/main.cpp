// SPDX-License-Identifier: BSL-1.0
//
// A program of somebody else's: two files that both include all of eap.
#include <eap/version.hpp>

#include <iostream>

int version_seen_by_the_other_file();

int main() {
    if (version_seen_by_the_other_file() != EAP_VERSION)
        return 1;
    std::cout << "eap " << EAP_VERSION_MAJOR << '.' << EAP_VERSION_MINOR << '.' << EAP_VERSION_PATCH << '\n';
}
