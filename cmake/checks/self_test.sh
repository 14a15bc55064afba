#!/bin/sh
# SPDX-License-Identifier: BSL-1.0
#
# self_test.sh [VERDICT]: writes "passed", or what is wrong, to the file VERDICT or to standard output.
# Proves that every check accepts a small tree that is right, and rejects it once one thing in it is broken.
# shellcheck disable=SC2016,SC2317 # Markdown's backquotes are meant; `append` is called by eval
set -eu
checks=$(cd "$(dirname "$0")" && pwd)
[ $# = 0 ] || exec >"$1" 2>&1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
verdict=0

make_good_tree() { # in $work/good: a miniature that keeps every rule
    mkdir "$work/good" && cd "$work/good"
    mkdir -p include/eap/detail include/eap/contexts include/eap/adaptors tests/contexts tests/adaptors docs examples
    spdx='// SPDX-License-Identifier: BSL-1.0'
    header() { # header PATH THIRD-LINE, the body on standard input
        guard=$(echo "eap/$1" | tr 'a-z/.' 'A-Z__')
        { printf '%s\n//\n%s\n#ifndef %s\n#define %s\n' "$spdx" "$2" "$guard" "$guard" && cat && echo '#endif'; } >"include/eap/$1"
    }
    header detail/word.hpp '// Detail – a word.' <<'END'
#include <atomic>
template <class Sync> class word { typename Sync::template atomic<int> value_; }; // not std::atomic
END
    header errors.hpp '// Layer 0 – the exceptions.' <<'END'
#include <stdexcept>
END
    header operation.hpp '// Layer 2 – an operation.' <<'END'
#include "eap/detail/word.hpp"
#include "eap/errors.hpp"
END
    header contexts/asio_context.hpp '// Layer 3 – executors.' <<'END'
#include "eap/operation.hpp"
#include <boost/asio/post.hpp>
END
    header adaptors/future.hpp '// Layer 7 – futures.' <<'END'
#include "eap/contexts/asio_context.hpp"
#include <boost/asio/use_future.hpp>
END
    header contexts/qt_context.hpp '// Layer 7 – a toolkit; not in eap.hpp.' <<'END'
#include "eap/adaptors/future.hpp"
#include <QObject>
END
    header eap.hpp '// All of it, bottom to top.' <<'END'
#include "eap/errors.hpp" // the exceptions
#include "eap/operation.hpp"    // one operation
#include "eap/contexts/asio_context.hpp" // any executor
#include "eap/adaptors/future.hpp" // the future
END
    for name in errors operation contexts/asio_context contexts/qt_context adaptors/future; do
        printf '%s\n#include <eap/%s.hpp> // first\n#include "support/catch.hpp"\n' "$spdx" $name >tests/$name.test.cpp
        printf '## `eap/%s.hpp`\n\n' $name >>docs/reference.md
    done
    printf '%s\nint main() {\n    //! [all]\n    return 0;\n    //! [all]\n}\n' "$spdx" >examples/hello.cpp
    printf '# SPDX-License-Identifier: BSL-1.0\nproject(eap)\n' >CMakeLists.txt
    printf '# eap\n\n<!-- example: examples/hello.cpp#all -->\n```cpp\n    return 0;\n```\n\n```sh\nls\n```\n' >README.md
    printf '```cpp\nvoid signature();\n```\n' >docs/guarantees.md
}

fresh_tree() { cd "$work" && rm -rf tree && cp -R good tree && cd tree; }
accepts() { # accepts CHECK
    sh "$checks/$1.check.sh" "$work/good" || { echo "$1 rejects the tree that is right" && verdict=1; }
}
rejects() { # rejects CHECK REGEX COMMAND: once COMMAND has run in the right tree, CHECK fails and says REGEX
    fresh_tree
    eval "$3"
    if said=$(sh "$checks/$1.check.sh" "$work/tree" 2>&1); then
        echo "$1 does not notice: $3" && verdict=1
    elif ! echo "$said" | grep -qE "$2"; then
        echo "$1 fails for another reason, $said, after: $3" && verdict=1
    fi
    echo "$1" >>"$work/proven"
}
append() { echo "$2" >>"include/eap/$1"; }

make_good_tree
for check in "$checks"/*.check.sh; do accepts "$(basename "$check" .check.sh)"; done

rejects layers 'errors.hpp:.*stands not above' "append errors.hpp '#include \"eap/operation.hpp\"'"
rejects layers 'stands not above' "append errors.hpp '#include <eap/errors.hpp>'"
rejects layers 'whole name' "append operation.hpp '#include \"errors.hpp\"'"
rejects layers 'does not list it' "cp include/eap/errors.hpp include/eap/more_errors.hpp"
rejects layers 'eap.hpp does not list' "append operation.hpp '#include \"eap/contexts/qt_context.hpp\"'"
rejects layers 'which does not exist' "append contexts/qt_context.hpp '#include \"eap/contexts/nothing.hpp\"'"
rejects layers 'is listed there' "append eap.hpp '#include \"eap/contexts/qt_context.hpp\" // a toolkit'"
rejects layers 'it is a detail' "append eap.hpp '#include \"eap/detail/word.hpp\" // a word'"
rejects layers 'listed twice' "append eap.hpp '#include \"eap/errors.hpp\" // again'"
rejects layers 'no clause' "sed -i 's| *// one operation||' include/eap/eap.hpp"
rejects layers 'does not exist' "append eap.hpp '#include \"eap/nothing.hpp\" // nothing'"
rejects layers 'lower layer' "sed -i '3s/Layer 3/Layer 1/' include/eap/contexts/asio_context.hpp"
rejects layers 'third line' "sed -i '3s/Layer 3/About/' include/eap/contexts/asio_context.hpp"
rejects layers 'detail includes eap/errors.hpp' "append detail/word.hpp '#include \"eap/errors.hpp\"'"
rejects layers 'not of the standard library' "append detail/word.hpp '#include <boost/config.hpp>'"
rejects layers 'there is no' "rm include/eap/eap.hpp"

rejects boost 'operation.hpp includes Boost' "append operation.hpp '#include <boost/asio/post.hpp>'"
rejects boost 'qt_context.hpp includes Boost' "append contexts/qt_context.hpp '#  include \"boost/config.hpp\"'"

rejects companions 'operation.hpp has no tests/operation.test.cpp' "rm tests/operation.test.cpp"
rejects companions 'does not include <eap/operation.hpp> first' "sed -i '2s/.*/#include <vector>/' tests/operation.test.cpp"
rejects companions 'no section' "sed -i '/operation/d' docs/reference.md"
rejects companions 'no section' "rm docs/reference.md"

rejects banned 'no fences' "append operation.hpp 'std::atomic_thread_fence(std::memory_order_seq_cst);'"
rejects banned 'no sleeping' "append operation.hpp 'std::this_thread::sleep_for(1ms);'"
rejects banned 'template over Sync' "append detail/word.hpp 'std::atomic<int> value;'"
rejects banned 'template over Sync' "append detail/word.hpp 'std::mutex guard;'"

rejects banned 'word.hpp:2: a template over Sync' "sed -i '2s/.*/std::mutex guard;/' include/eap/detail/word.hpp"

rejects quotes 'differs' "sed -i 's/return 0/return 1/' README.md"
rejects quotes 'differs' "sed -i 's/^    return/  return/' README.md"
rejects quotes 'differs' "printf '<!-- example: examples/hello.cpp#all -->\n\`\`\`cpp\n\`\`\`\n' >>docs/guarantees.md"
rejects quotes 'does not exist' "sed -i 's/hello.cpp/goodbye.cpp/' README.md"
rejects quotes 'not exactly two' "sed -i 's/cpp#all/cpp#some/' README.md"
rejects quotes 'no example stands for' "sed -i '/<!--/d' README.md"
rejects quotes 'no cpp block follows' "sed -i 's/^\`\`\`cpp/text/' README.md"
rejects quotes 'wants a cpp block' "sed -i 's/^\`\`\`cpp/\`\`\`sh/' README.md"

rejects openings 'hello.cpp does not open' "sed -i 1d examples/hello.cpp"
rejects openings 'CMakeLists.txt does not open' "sed -i 1d CMakeLists.txt"
rejects openings 'not guarded by EAP_OPERATION_HPP' "sed -i 's/_OPERATION_/_ACTION_/' include/eap/operation.hpp"

for check in "$checks"/*.check.sh; do
    name=$(basename "$check" .check.sh)
    grep -qx "$name" "$work/proven" || { echo "nothing here proves that $name can fail" && verdict=1; }
done
[ $verdict != 0 ] || echo passed
[ $# = 1 ] || exit $verdict
