#compdef dtf

autoload -U is-at-least

_dtf() {
    typeset -A opt_args
    typeset -a _arguments_options
    local ret=1

    if is-at-least 5.2; then
        _arguments_options=(-s -S -C)
    else
        _arguments_options=(-s -C)
    fi

    local context curcontext="$curcontext" state line
    _arguments "${_arguments_options[@]}" : \
'--config=[Settings file \[default\: config.yaml in the settings directory, if it is there\]]:FILE:_files' \
'--token-file=[File with the token, readable by its owner only]:FILE:_files' \
'--color=[When to use colour]:WHEN:(auto always never)' \
'*-v[Print more (-vv\: everything)]' \
'*--verbose[Print more (-vv\: everything)]' \
'(-v --verbose)-q[Print only results and errors]' \
'(-v --verbose)--quiet[Print only results and errors]' \
'-h[Print help]' \
'--help[Print help]' \
'-V[Print version]' \
'--version[Print version]' \
":: :_dtf_commands" \
"*::: :->dtf" \
&& ret=0
    case $state in
    (dtf)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:dtf-command-$line[1]:"
        case $line[1] in
            (coordinator)
_arguments "${_arguments_options[@]}" : \
'--listen=[Address and port; any but loopback needs --token-file \[default\: 127.0.0.1\:7700\]]:ADDRESS:PORT:_default' \
'--data-dir=[Directory of event log, results and files]:DIR:_files' \
'--config=[Settings file \[default\: config.yaml in the settings directory, if it is there\]]:FILE:_files' \
'--token-file=[File with the token, readable by its owner only]:FILE:_files' \
'--color=[When to use colour]:WHEN:(auto always never)' \
'*-v[Print more (-vv\: everything)]' \
'*--verbose[Print more (-vv\: everything)]' \
'(-v --verbose)-q[Print only results and errors]' \
'(-v --verbose)--quiet[Print only results and errors]' \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(worker)
_arguments "${_arguments_options[@]}" : \
'--coordinator=[Address of the coordinator \[default\: http\://127.0.0.1\:7700\]]:URL:_default' \
'--slots=[Maximum number of tests at a time \[default\: one for each core\]]:N:_default' \
'--tags=[Labels that tests can require, separated by commas]:TAG,…:_default' \
'--environments-dir=[Directory of Python environments; can be shared]:DIR:_files' \
'--python=[Interpreter to build environments with \[default\: python3 in PATH\]]:FILE:_files' \
'--system-packages=[Use the packages that this interpreter has, instead of building environments]::BOOL:(true false)' \
'--torch-backend=[Torch build to install\: cpu, auto, cu128, … \[default\: what suits the devices\]]:NAME:_default' \
'--offline=[Build environments from caches only]::BOOL:(true false)' \
'--pass-env=[Further environment variables that tests may see, separated by commas]:NAME,…:_default' \
'--name=[Name in reports \[default\: the host name\]]:NAME:_default' \
'--work-dir=[Directory of attempts, files and results not yet sent]:DIR:_files' \
'--idle-timeout=[Exit after TIME without a test, such as 10m]:TIME:_default' \
'--config=[Settings file \[default\: config.yaml in the settings directory, if it is there\]]:FILE:_files' \
'--token-file=[File with the token, readable by its owner only]:FILE:_files' \
'--color=[When to use colour]:WHEN:(auto always never)' \
'--ephemeral[Exit when at least one test has run and there is nothing more to do]' \
'--null-runner[Answer every test with \`passed\` without running it, to measure the rest]' \
'*-v[Print more (-vv\: everything)]' \
'*--verbose[Print more (-vv\: everything)]' \
'(-v --verbose)-q[Print only results and errors]' \
'(-v --verbose)--quiet[Print only results and errors]' \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(submit)
_arguments "${_arguments_options[@]}" : \
'--coordinator=[Address of the coordinator \[default\: http\://127.0.0.1\:7700\]]:URL:_default' \
'--templates=[Directory with templates of your own, which win, see docs/templates.md]:DIR:_files' \
'--wait-timeout=[Stop waiting after TIME, with exit code 8]:TIME:_default' \
'--unschedulable-timeout=[Stop waiting, with exit code 102, when for TIME nothing runs and no worker can run what is left \[default\: 1m; without any worker\: wait\]]:TIME:_default' \
'--output=[Form of the report with --wait, else of the run'\''s id (csv only with --wait)]:OUTPUT:(table json csv)' \
'--config=[Settings file \[default\: config.yaml in the settings directory, if it is there\]]:FILE:_files' \
'--token-file=[File with the token, readable by its owner only]:FILE:_files' \
'--color=[When to use colour]:WHEN:(auto always never)' \
'--wait[Wait for the end and print the report]' \
'--fail-on-flaky[Exit with 100 when a test passed only after a failed attempt]' \
'*-v[Print more (-vv\: everything)]' \
'*--verbose[Print more (-vv\: everything)]' \
'(-v --verbose)-q[Print only results and errors]' \
'(-v --verbose)--quiet[Print only results and errors]' \
'-h[Print help]' \
'--help[Print help]' \
':plan -- Plan file, see docs/plan.md:_files' \
&& ret=0
;;
(wait)
_arguments "${_arguments_options[@]}" : \
'--coordinator=[Address of the coordinator \[default\: http\://127.0.0.1\:7700\]]:URL:_default' \
'--timeout=[Stop waiting after TIME, with exit code 8]:TIME:_default' \
'--unschedulable-timeout=[Stop waiting, with exit code 102, when for TIME nothing runs and no worker can run what is left \[default\: 1m; without any worker\: wait\]]:TIME:_default' \
'--output=[Form of the report]:OUTPUT:(table json csv)' \
'--config=[Settings file \[default\: config.yaml in the settings directory, if it is there\]]:FILE:_files' \
'--token-file=[File with the token, readable by its owner only]:FILE:_files' \
'--color=[When to use colour]:WHEN:(auto always never)' \
'--fail-on-flaky[Exit with 100 when a test passed only after a failed attempt]' \
'*-v[Print more (-vv\: everything)]' \
'*--verbose[Print more (-vv\: everything)]' \
'(-v --verbose)-q[Print only results and errors]' \
'(-v --verbose)--quiet[Print only results and errors]' \
'-h[Print help]' \
'--help[Print help]' \
':run -- The run, such as r12:_default' \
&& ret=0
;;
(check)
_arguments "${_arguments_options[@]}" : \
'--coordinator=[Coordinator to ask for its templates, its hardware and what it has measured]:URL:_default' \
'--templates=[Directory with templates of your own, which win, see docs/templates.md]:DIR:_files' \
'--offline=[Do not ask the model hub about models that are not known here]::BOOL:(true false)' \
'--config=[Settings file \[default\: config.yaml in the settings directory, if it is there\]]:FILE:_files' \
'--token-file=[File with the token, readable by its owner only]:FILE:_files' \
'--color=[When to use colour]:WHEN:(auto always never)' \
'*-v[Print more (-vv\: everything)]' \
'*--verbose[Print more (-vv\: everything)]' \
'(-v --verbose)-q[Print only results and errors]' \
'(-v --verbose)--quiet[Print only results and errors]' \
'-h[Print help]' \
'--help[Print help]' \
':plan -- Plan file, see docs/plan.md:_files' \
&& ret=0
;;
(run)
_arguments "${_arguments_options[@]}" : \
'--coordinator=[Coordinator to ask for its templates, its hardware and what it has measured]:URL:_default' \
'*--hw=[Back-ends, or \`auto\`\: cpu and every accelerator found \[default\: cpu for generate, auto for run\]]:BACKEND,…:_default' \
'*--batch=[Batch sizes]:N,…:_default' \
'*--sequence-length=[Sequence lengths in tokens]:N,…:_default' \
'*--image-size=[Image sizes in pixels]:N,…:_default' \
'*--dtype=[Number types, such as float32,bfloat16]:DTYPE,…:_default' \
'*--attention=[Implementations of attention\: default, eager, sdpa, \`flash_attention_2\`]:NAME,…:_default' \
'*--runtime=[What executes the model\: torch, onnxruntime, openvino]:NAME,…:_default' \
'*--weights=[Where weights come from\: auto, cached, random, download]:MODE,…:_default' \
'*--exclude=[Leave out combinations that match all of these values, such as backend=cuda,batch=16 (repeatable)]:KEY=VALUE,…:_default' \
'*--include=[Add one combination; name every key that has several values (repeatable)]:KEY=VALUE,…:_default' \
'--family=[Family, when detection should not decide]:FAMILY:_default' \
'--revision=[Revision of the model]:REVISION:_default' \
'*--set=[Further parameter of the template, as NAME=VALUE]:NAME=VALUE:_default' \
'--templates=[Directory with templates of your own, which win, see docs/templates.md]:DIR:_files' \
'--slots=[Maximum number of tests at a time \[default\: one for each core\]]:N:_default' \
'--tags=[Labels that tests can require, separated by commas]:TAG,…:_default' \
'--environments-dir=[Directory of Python environments; can be shared]:DIR:_files' \
'--python=[Interpreter to build environments with \[default\: python3 in PATH\]]:FILE:_files' \
'--system-packages=[Use the packages that this interpreter has, instead of building environments]::BOOL:(true false)' \
'--torch-backend=[Torch build to install\: cpu, auto, cu128, … \[default\: what suits the devices\]]:NAME:_default' \
'--offline=[Build environments from caches only]::BOOL:(true false)' \
'--pass-env=[Further environment variables that tests may see, separated by commas]:NAME,…:_default' \
'--data-dir=[Directory of log and results \[default\: \`local\` in the platform'\''s data directory\]]:DIR:_files' \
'--output=[Form of the report or list]:OUTPUT:(table json csv)' \
'--config=[Settings file \[default\: config.yaml in the settings directory, if it is there\]]:FILE:_files' \
'--token-file=[File with the token, readable by its owner only]:FILE:_files' \
'--color=[When to use colour]:WHEN:(auto always never)' \
'--dry-run[Only list the tests, with what they need and what this machine cannot run]' \
'--fail-on-flaky[Exit with 100 when a test passed only after a failed attempt]' \
'*-v[Print more (-vv\: everything)]' \
'*--verbose[Print more (-vv\: everything)]' \
'(-v --verbose)-q[Print only results and errors]' \
'(-v --verbose)--quiet[Print only results and errors]' \
'-h[Print help]' \
'--help[Print help]' \
'*::what -- Plan, or models:_default' \
&& ret=0
;;
(generate)
_arguments "${_arguments_options[@]}" : \
'--coordinator=[Coordinator to ask for its templates, its hardware and what it has measured]:URL:_default' \
'*--hw=[Back-ends, or \`auto\`\: cpu and every accelerator found \[default\: cpu for generate, auto for run\]]:BACKEND,…:_default' \
'*--batch=[Batch sizes]:N,…:_default' \
'*--sequence-length=[Sequence lengths in tokens]:N,…:_default' \
'*--image-size=[Image sizes in pixels]:N,…:_default' \
'*--dtype=[Number types, such as float32,bfloat16]:DTYPE,…:_default' \
'*--attention=[Implementations of attention\: default, eager, sdpa, \`flash_attention_2\`]:NAME,…:_default' \
'*--runtime=[What executes the model\: torch, onnxruntime, openvino]:NAME,…:_default' \
'*--weights=[Where weights come from\: auto, cached, random, download]:MODE,…:_default' \
'*--exclude=[Leave out combinations that match all of these values, such as backend=cuda,batch=16 (repeatable)]:KEY=VALUE,…:_default' \
'*--include=[Add one combination; name every key that has several values (repeatable)]:KEY=VALUE,…:_default' \
'--family=[Family, when detection should not decide]:FAMILY:_default' \
'--revision=[Revision of the model]:REVISION:_default' \
'*--set=[Further parameter of the template, as NAME=VALUE]:NAME=VALUE:_default' \
'--templates=[Directory with templates of your own, which win, see docs/templates.md]:DIR:_files' \
'(--out --explain)--from-pytest=[Directory or file of a pytest suite. pytest decides about the root directory; the plan is written there, as dtf-plan.yaml, with a directory dtf-plan beside it]:DIR:_files' \
'--shard-time=[Time that a shard should take at most \[default\: a quarter of the suite, from 10s to 1m\]]:TIME:_default' \
'--durations=[What tests took before\: a JUnit file (.xml), or the \`.test_durations\` of pytest-split]:FILE:_files' \
'*--files=[Further files that the tests need, relative to the root directory (repeatable)]:PATTERN:_default' \
'*--env=[Environment variable for collecting and for the tests (repeatable)]:NAME=VALUE:_default' \
'--out=[Directory to write \[default\: dtf-tests\]]:DIR:_files' \
'(--out)--graph=[Only print what waits for what, as text or for Graphviz (dot)]::FORM:(text dot)' \
'--output=[Form of what is printed, or of the report; csv for --dry-run, --run and --submit --wait]:OUTPUT:(table json csv)' \
'--wait-timeout=[Stop waiting after TIME, with exit code 8]:TIME:_default' \
'--unschedulable-timeout=[Stop waiting, with exit code 102, when for TIME nothing runs and no worker can run what is left \[default\: 1m; without any worker\: wait\]]:TIME:_default' \
'--slots=[Maximum number of tests at a time \[default\: one for each core\]]:N:_default' \
'--tags=[Labels that tests can require, separated by commas]:TAG,…:_default' \
'--environments-dir=[Directory of Python environments; can be shared]:DIR:_files' \
'--python=[Interpreter to build environments with \[default\: python3 in PATH\]]:FILE:_files' \
'--system-packages=[Use the packages that this interpreter has, instead of building environments]::BOOL:(true false)' \
'--torch-backend=[Torch build to install\: cpu, auto, cu128, … \[default\: what suits the devices\]]:NAME:_default' \
'--offline=[Build environments from caches only]::BOOL:(true false)' \
'--pass-env=[Further environment variables that tests may see, separated by commas]:NAME,…:_default' \
'--data-dir=[Directory of log and results \[default\: \`local\` in the platform'\''s data directory\]]:DIR:_files' \
'--config=[Settings file \[default\: config.yaml in the settings directory, if it is there\]]:FILE:_files' \
'--token-file=[File with the token, readable by its owner only]:FILE:_files' \
'--color=[When to use colour]:WHEN:(auto always never)' \
'--force[Write into a directory that is not empty]' \
'(--out)--dry-run[Only list the tests, with what they need]' \
'(--out)--explain[Only explain what each model is, how that is known, and how each test got its priority]' \
'--submit[Send the tests to the coordinator]' \
'--run[Run the tests on this machine]' \
'--fail-on-flaky[Exit with 100 when a test passed only after a failed attempt]' \
'--wait[Wait for the end and print the report]' \
'*-v[Print more (-vv\: everything)]' \
'*--verbose[Print more (-vv\: everything)]' \
'(-v --verbose)-q[Print only results and errors]' \
'(-v --verbose)--quiet[Print only results and errors]' \
'-h[Print help]' \
'--help[Print help]' \
'*::what -- Names, folders with a config.json, or such files:_default' \
&& ret=0
;;
(report)
_arguments "${_arguments_options[@]}" : \
'--coordinator=[Address of the coordinator \[default\: http\://127.0.0.1\:7700\]]:URL:_default' \
'--data-dir=[Directory of \`dtf run\` or of a stopped coordinator, read without asking one]:DIR:_files' \
'(--run)--since=[Only runs from the last TIME, such as 7d, or since a date, such as 2026-11-28 \[default\: 7d\]]:TIME:_default' \
'*--run=[Only this run, such as r12 or \`latest\` (repeatable)]:RUN:_default' \
'--limit=[Maximum number of rows]:N:_default' \
'--output=[Form of the report]:OUTPUT:(table json csv)' \
'--config=[Settings file \[default\: config.yaml in the settings directory, if it is there\]]:FILE:_files' \
'--token-file=[File with the token, readable by its owner only]:FILE:_files' \
'--color=[When to use colour]:WHEN:(auto always never)' \
'--exit-code[Exit by how the tests ended, with 8 while some have not]' \
'--fail-on-flaky[With --exit-code\: exit with 100 when a test passed only after a failed attempt]' \
'*-v[Print more (-vv\: everything)]' \
'*--verbose[Print more (-vv\: everything)]' \
'(-v --verbose)-q[Print only results and errors]' \
'(-v --verbose)--quiet[Print only results and errors]' \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(status)
_arguments "${_arguments_options[@]}" : \
'--coordinator=[Address of the coordinator \[default\: http\://127.0.0.1\:7700\]]:URL:_default' \
'--output=[Form of the answer]:OUTPUT:(table json)' \
'--config=[Settings file \[default\: config.yaml in the settings directory, if it is there\]]:FILE:_files' \
'--token-file=[File with the token, readable by its owner only]:FILE:_files' \
'--color=[When to use colour]:WHEN:(auto always never)' \
'*-v[Print more (-vv\: everything)]' \
'*--verbose[Print more (-vv\: everything)]' \
'(-v --verbose)-q[Print only results and errors]' \
'(-v --verbose)--quiet[Print only results and errors]' \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(cancel)
_arguments "${_arguments_options[@]}" : \
'--coordinator=[Address of the coordinator \[default\: http\://127.0.0.1\:7700\]]:URL:_default' \
'--output=[Form of the answer]:OUTPUT:(table json)' \
'--config=[Settings file \[default\: config.yaml in the settings directory, if it is there\]]:FILE:_files' \
'--token-file=[File with the token, readable by its owner only]:FILE:_files' \
'--color=[When to use colour]:WHEN:(auto always never)' \
'*-v[Print more (-vv\: everything)]' \
'*--verbose[Print more (-vv\: everything)]' \
'(-v --verbose)-q[Print only results and errors]' \
'(-v --verbose)--quiet[Print only results and errors]' \
'-h[Print help]' \
'--help[Print help]' \
':run -- The run, such as r12:_default' \
&& ret=0
;;
(logs)
_arguments "${_arguments_options[@]}" : \
'--coordinator=[Address of the coordinator \[default\: http\://127.0.0.1\:7700\]]:URL:_default' \
'--data-dir=[Directory of \`dtf run\` or of a stopped coordinator, read without asking one]:DIR:_files' \
'--config=[Settings file \[default\: config.yaml in the settings directory, if it is there\]]:FILE:_files' \
'--token-file=[File with the token, readable by its owner only]:FILE:_files' \
'--color=[When to use colour]:WHEN:(auto always never)' \
'-f[Follow until the attempt ends]' \
'--follow[Follow until the attempt ends]' \
'*-v[Print more (-vv\: everything)]' \
'*--verbose[Print more (-vv\: everything)]' \
'(-v --verbose)-q[Print only results and errors]' \
'(-v --verbose)--quiet[Print only results and errors]' \
'-h[Print help]' \
'--help[Print help]' \
':what -- A test (r12.t3), an attempt (r12.t3.a1), or the name of a test or a part of it:_default' \
&& ret=0
;;
(why)
_arguments "${_arguments_options[@]}" : \
'--coordinator=[Address of the coordinator \[default\: http\://127.0.0.1\:7700\]]:URL:_default' \
'--data-dir=[Directory of \`dtf run\` or of a stopped coordinator, read without asking one]:DIR:_files' \
'--output=[Form of the answer]:OUTPUT:(table json)' \
'--config=[Settings file \[default\: config.yaml in the settings directory, if it is there\]]:FILE:_files' \
'--token-file=[File with the token, readable by its owner only]:FILE:_files' \
'--color=[When to use colour]:WHEN:(auto always never)' \
'*-v[Print more (-vv\: everything)]' \
'*--verbose[Print more (-vv\: everything)]' \
'(-v --verbose)-q[Print only results and errors]' \
'(-v --verbose)--quiet[Print only results and errors]' \
'-h[Print help]' \
'--help[Print help]' \
':test -- The test (r12.t3), or its name or a part of it:_default' \
&& ret=0
;;
(workers)
_arguments "${_arguments_options[@]}" : \
'--coordinator=[Address of the coordinator \[default\: http\://127.0.0.1\:7700\]]:URL:_default' \
'(--undrain --all)--drain=[Send no new tests to this worker\: its id, or its name where only one has it]:WORKER:_default' \
'(--all)--undrain=[Send tests to this worker again]:WORKER:_default' \
'--output=[Form of the answer]:OUTPUT:(table json)' \
'--config=[Settings file \[default\: config.yaml in the settings directory, if it is there\]]:FILE:_files' \
'--token-file=[File with the token, readable by its owner only]:FILE:_files' \
'--color=[When to use colour]:WHEN:(auto always never)' \
'--all[List workers that have left, too]' \
'*-v[Print more (-vv\: everything)]' \
'*--verbose[Print more (-vv\: everything)]' \
'(-v --verbose)-q[Print only results and errors]' \
'(-v --verbose)--quiet[Print only results and errors]' \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(templates)
_arguments "${_arguments_options[@]}" : \
'--config=[Settings file \[default\: config.yaml in the settings directory, if it is there\]]:FILE:_files' \
'--token-file=[File with the token, readable by its owner only]:FILE:_files' \
'--color=[When to use colour]:WHEN:(auto always never)' \
'*-v[Print more (-vv\: everything)]' \
'*--verbose[Print more (-vv\: everything)]' \
'(-v --verbose)-q[Print only results and errors]' \
'(-v --verbose)--quiet[Print only results and errors]' \
'-h[Print help]' \
'--help[Print help]' \
":: :_dtf__subcmd__templates_commands" \
"*::: :->templates" \
&& ret=0

    case $state in
    (templates)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:dtf-templates-command-$line[1]:"
        case $line[1] in
            (list)
_arguments "${_arguments_options[@]}" : \
'--coordinator=[Address of the coordinator \[default\: http\://127.0.0.1\:7700\]]:URL:_default' \
'--templates=[Directory with templates of your own, which win, see docs/templates.md]:DIR:_files' \
'--output=[Form of the answer]:OUTPUT:(table json)' \
'--config=[Settings file \[default\: config.yaml in the settings directory, if it is there\]]:FILE:_files' \
'--token-file=[File with the token, readable by its owner only]:FILE:_files' \
'--color=[When to use colour]:WHEN:(auto always never)' \
'*-v[Print more (-vv\: everything)]' \
'*--verbose[Print more (-vv\: everything)]' \
'(-v --verbose)-q[Print only results and errors]' \
'(-v --verbose)--quiet[Print only results and errors]' \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(show)
_arguments "${_arguments_options[@]}" : \
'--coordinator=[Address of the coordinator \[default\: http\://127.0.0.1\:7700\]]:URL:_default' \
'--templates=[Directory with templates of your own, which win, see docs/templates.md]:DIR:_files' \
'--config=[Settings file \[default\: config.yaml in the settings directory, if it is there\]]:FILE:_files' \
'--token-file=[File with the token, readable by its owner only]:FILE:_files' \
'--color=[When to use colour]:WHEN:(auto always never)' \
'*-v[Print more (-vv\: everything)]' \
'*--verbose[Print more (-vv\: everything)]' \
'(-v --verbose)-q[Print only results and errors]' \
'(-v --verbose)--quiet[Print only results and errors]' \
'-h[Print help]' \
'--help[Print help]' \
':name -- Family (vlm), family and back-end (vlm/cuda), or path:_default' \
&& ret=0
;;
(add)
_arguments "${_arguments_options[@]}" : \
'--coordinator=[Address of the coordinator \[default\: http\://127.0.0.1\:7700\]]:URL:_default' \
'--as=[Place of a single file, such as vlm/test.py.j2]:NAME:_default' \
'--output=[Form of the answer]:OUTPUT:(table json)' \
'--config=[Settings file \[default\: config.yaml in the settings directory, if it is there\]]:FILE:_files' \
'--token-file=[File with the token, readable by its owner only]:FILE:_files' \
'--color=[When to use colour]:WHEN:(auto always never)' \
'*-v[Print more (-vv\: everything)]' \
'*--verbose[Print more (-vv\: everything)]' \
'(-v --verbose)-q[Print only results and errors]' \
'(-v --verbose)--quiet[Print only results and errors]' \
'-h[Print help]' \
'--help[Print help]' \
'*::paths -- Directories like templates/, or files in such:_files' \
&& ret=0
;;
(check)
_arguments "${_arguments_options[@]}" : \
'--coordinator=[Address of the coordinator \[default\: http\://127.0.0.1\:7700\]]:URL:_default' \
'--templates=[Directory with templates of your own, which win, see docs/templates.md]:DIR:_files' \
'--python=[Interpreter to check with \[default\: python3 in PATH\]]:FILE:_files' \
'--output=[Form of the answer]:OUTPUT:(table json)' \
'--config=[Settings file \[default\: config.yaml in the settings directory, if it is there\]]:FILE:_files' \
'--token-file=[File with the token, readable by its owner only]:FILE:_files' \
'--color=[When to use colour]:WHEN:(auto always never)' \
'*-v[Print more (-vv\: everything)]' \
'*--verbose[Print more (-vv\: everything)]' \
'(-v --verbose)-q[Print only results and errors]' \
'(-v --verbose)--quiet[Print only results and errors]' \
'-h[Print help]' \
'--help[Print help]' \
'*::names -- Families, or family and back-end \[default\: all\]:_default' \
&& ret=0
;;
(history)
_arguments "${_arguments_options[@]}" : \
'--coordinator=[Address of the coordinator \[default\: http\://127.0.0.1\:7700\]]:URL:_default' \
'--output=[Form of the answer]:OUTPUT:(table json)' \
'--config=[Settings file \[default\: config.yaml in the settings directory, if it is there\]]:FILE:_files' \
'--token-file=[File with the token, readable by its owner only]:FILE:_files' \
'--color=[When to use colour]:WHEN:(auto always never)' \
'*-v[Print more (-vv\: everything)]' \
'*--verbose[Print more (-vv\: everything)]' \
'(-v --verbose)-q[Print only results and errors]' \
'(-v --verbose)--quiet[Print only results and errors]' \
'-h[Print help]' \
'--help[Print help]' \
':name -- Family (vlm), family and back-end (vlm/cuda), or path:_default' \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
":: :_dtf__subcmd__templates__subcmd__help_commands" \
"*::: :->help" \
&& ret=0

    case $state in
    (help)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:dtf-templates-help-command-$line[1]:"
        case $line[1] in
            (list)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(show)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(add)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(check)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(history)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
;;
        esac
    ;;
esac
;;
(completions)
_arguments "${_arguments_options[@]}" : \
'--config=[Settings file \[default\: config.yaml in the settings directory, if it is there\]]:FILE:_files' \
'--token-file=[File with the token, readable by its owner only]:FILE:_files' \
'--color=[When to use colour]:WHEN:(auto always never)' \
'*-v[Print more (-vv\: everything)]' \
'*--verbose[Print more (-vv\: everything)]' \
'(-v --verbose)-q[Print only results and errors]' \
'(-v --verbose)--quiet[Print only results and errors]' \
'-h[Print help]' \
'--help[Print help]' \
':shell:(bash elvish fish powershell zsh)' \
&& ret=0
;;
(config-reference)
_arguments "${_arguments_options[@]}" : \
'--config=[Settings file \[default\: config.yaml in the settings directory, if it is there\]]:FILE:_files' \
'--token-file=[File with the token, readable by its owner only]:FILE:_files' \
'--color=[When to use colour]:WHEN:(auto always never)' \
'*-v[Print more (-vv\: everything)]' \
'*--verbose[Print more (-vv\: everything)]' \
'(-v --verbose)-q[Print only results and errors]' \
'(-v --verbose)--quiet[Print only results and errors]' \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(openapi)
_arguments "${_arguments_options[@]}" : \
'--config=[Settings file \[default\: config.yaml in the settings directory, if it is there\]]:FILE:_files' \
'--token-file=[File with the token, readable by its owner only]:FILE:_files' \
'--color=[When to use colour]:WHEN:(auto always never)' \
'*-v[Print more (-vv\: everything)]' \
'*--verbose[Print more (-vv\: everything)]' \
'(-v --verbose)-q[Print only results and errors]' \
'(-v --verbose)--quiet[Print only results and errors]' \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
":: :_dtf__subcmd__help_commands" \
"*::: :->help" \
&& ret=0

    case $state in
    (help)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:dtf-help-command-$line[1]:"
        case $line[1] in
            (coordinator)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(worker)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(submit)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(wait)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(check)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(run)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(generate)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(report)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(status)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(cancel)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(logs)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(why)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(workers)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(templates)
_arguments "${_arguments_options[@]}" : \
":: :_dtf__subcmd__help__subcmd__templates_commands" \
"*::: :->templates" \
&& ret=0

    case $state in
    (templates)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:dtf-help-templates-command-$line[1]:"
        case $line[1] in
            (list)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(show)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(add)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(check)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(history)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
;;
(completions)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(config-reference)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(openapi)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
;;
        esac
    ;;
esac
}

(( $+functions[_dtf_commands] )) ||
_dtf_commands() {
    local commands; commands=(
'coordinator:Start a coordinator\: it schedules tests and keeps results' \
'worker:Lend this machine to a coordinator' \
'submit:Send a plan to the coordinator' \
'wait:Wait for a run that was submitted before' \
'check:Check a plan and list its mistakes, without submitting it' \
'run:Test on this machine\: coordinator and worker in one process' \
'generate:Write tests for models\: a plan, and scripts that run alone' \
'report:Show what is correct, fast, broken or flaky' \
'status:Show the coordinator'\''s state and what is running' \
'cancel:Cancel a run\: waiting tests end at once, running ones are stopped' \
'logs:Print what a test wrote' \
'why:Explain why a test waits, was skipped, or ended as it did' \
'workers:List workers, or drain one' \
'templates:List, show, add and check templates of tests' \
'completions:Print completions for a shell' \
'config-reference:Print docs/config.md' \
'openapi:Print docs/openapi.json' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'dtf commands' commands "$@"
}
(( $+functions[_dtf__subcmd__cancel_commands] )) ||
_dtf__subcmd__cancel_commands() {
    local commands; commands=()
    _describe -t commands 'dtf cancel commands' commands "$@"
}
(( $+functions[_dtf__subcmd__check_commands] )) ||
_dtf__subcmd__check_commands() {
    local commands; commands=()
    _describe -t commands 'dtf check commands' commands "$@"
}
(( $+functions[_dtf__subcmd__completions_commands] )) ||
_dtf__subcmd__completions_commands() {
    local commands; commands=()
    _describe -t commands 'dtf completions commands' commands "$@"
}
(( $+functions[_dtf__subcmd__config-reference_commands] )) ||
_dtf__subcmd__config-reference_commands() {
    local commands; commands=()
    _describe -t commands 'dtf config-reference commands' commands "$@"
}
(( $+functions[_dtf__subcmd__coordinator_commands] )) ||
_dtf__subcmd__coordinator_commands() {
    local commands; commands=()
    _describe -t commands 'dtf coordinator commands' commands "$@"
}
(( $+functions[_dtf__subcmd__generate_commands] )) ||
_dtf__subcmd__generate_commands() {
    local commands; commands=()
    _describe -t commands 'dtf generate commands' commands "$@"
}
(( $+functions[_dtf__subcmd__help_commands] )) ||
_dtf__subcmd__help_commands() {
    local commands; commands=(
'coordinator:Start a coordinator\: it schedules tests and keeps results' \
'worker:Lend this machine to a coordinator' \
'submit:Send a plan to the coordinator' \
'wait:Wait for a run that was submitted before' \
'check:Check a plan and list its mistakes, without submitting it' \
'run:Test on this machine\: coordinator and worker in one process' \
'generate:Write tests for models\: a plan, and scripts that run alone' \
'report:Show what is correct, fast, broken or flaky' \
'status:Show the coordinator'\''s state and what is running' \
'cancel:Cancel a run\: waiting tests end at once, running ones are stopped' \
'logs:Print what a test wrote' \
'why:Explain why a test waits, was skipped, or ended as it did' \
'workers:List workers, or drain one' \
'templates:List, show, add and check templates of tests' \
'completions:Print completions for a shell' \
'config-reference:Print docs/config.md' \
'openapi:Print docs/openapi.json' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'dtf help commands' commands "$@"
}
(( $+functions[_dtf__subcmd__help__subcmd__cancel_commands] )) ||
_dtf__subcmd__help__subcmd__cancel_commands() {
    local commands; commands=()
    _describe -t commands 'dtf help cancel commands' commands "$@"
}
(( $+functions[_dtf__subcmd__help__subcmd__check_commands] )) ||
_dtf__subcmd__help__subcmd__check_commands() {
    local commands; commands=()
    _describe -t commands 'dtf help check commands' commands "$@"
}
(( $+functions[_dtf__subcmd__help__subcmd__completions_commands] )) ||
_dtf__subcmd__help__subcmd__completions_commands() {
    local commands; commands=()
    _describe -t commands 'dtf help completions commands' commands "$@"
}
(( $+functions[_dtf__subcmd__help__subcmd__config-reference_commands] )) ||
_dtf__subcmd__help__subcmd__config-reference_commands() {
    local commands; commands=()
    _describe -t commands 'dtf help config-reference commands' commands "$@"
}
(( $+functions[_dtf__subcmd__help__subcmd__coordinator_commands] )) ||
_dtf__subcmd__help__subcmd__coordinator_commands() {
    local commands; commands=()
    _describe -t commands 'dtf help coordinator commands' commands "$@"
}
(( $+functions[_dtf__subcmd__help__subcmd__generate_commands] )) ||
_dtf__subcmd__help__subcmd__generate_commands() {
    local commands; commands=()
    _describe -t commands 'dtf help generate commands' commands "$@"
}
(( $+functions[_dtf__subcmd__help__subcmd__help_commands] )) ||
_dtf__subcmd__help__subcmd__help_commands() {
    local commands; commands=()
    _describe -t commands 'dtf help help commands' commands "$@"
}
(( $+functions[_dtf__subcmd__help__subcmd__logs_commands] )) ||
_dtf__subcmd__help__subcmd__logs_commands() {
    local commands; commands=()
    _describe -t commands 'dtf help logs commands' commands "$@"
}
(( $+functions[_dtf__subcmd__help__subcmd__openapi_commands] )) ||
_dtf__subcmd__help__subcmd__openapi_commands() {
    local commands; commands=()
    _describe -t commands 'dtf help openapi commands' commands "$@"
}
(( $+functions[_dtf__subcmd__help__subcmd__report_commands] )) ||
_dtf__subcmd__help__subcmd__report_commands() {
    local commands; commands=()
    _describe -t commands 'dtf help report commands' commands "$@"
}
(( $+functions[_dtf__subcmd__help__subcmd__run_commands] )) ||
_dtf__subcmd__help__subcmd__run_commands() {
    local commands; commands=()
    _describe -t commands 'dtf help run commands' commands "$@"
}
(( $+functions[_dtf__subcmd__help__subcmd__status_commands] )) ||
_dtf__subcmd__help__subcmd__status_commands() {
    local commands; commands=()
    _describe -t commands 'dtf help status commands' commands "$@"
}
(( $+functions[_dtf__subcmd__help__subcmd__submit_commands] )) ||
_dtf__subcmd__help__subcmd__submit_commands() {
    local commands; commands=()
    _describe -t commands 'dtf help submit commands' commands "$@"
}
(( $+functions[_dtf__subcmd__help__subcmd__templates_commands] )) ||
_dtf__subcmd__help__subcmd__templates_commands() {
    local commands; commands=(
'list:List what is in effect\: built in, added to the coordinator, your own' \
'show:Print a template or a shared part' \
'add:Add templates to the coordinator, for everybody who submits there' \
'check:Check templates\: hostile values, Python'\''s own reading, dry runs without packages' \
'history:List the versions of a template with author and time' \
    )
    _describe -t commands 'dtf help templates commands' commands "$@"
}
(( $+functions[_dtf__subcmd__help__subcmd__templates__subcmd__add_commands] )) ||
_dtf__subcmd__help__subcmd__templates__subcmd__add_commands() {
    local commands; commands=()
    _describe -t commands 'dtf help templates add commands' commands "$@"
}
(( $+functions[_dtf__subcmd__help__subcmd__templates__subcmd__check_commands] )) ||
_dtf__subcmd__help__subcmd__templates__subcmd__check_commands() {
    local commands; commands=()
    _describe -t commands 'dtf help templates check commands' commands "$@"
}
(( $+functions[_dtf__subcmd__help__subcmd__templates__subcmd__history_commands] )) ||
_dtf__subcmd__help__subcmd__templates__subcmd__history_commands() {
    local commands; commands=()
    _describe -t commands 'dtf help templates history commands' commands "$@"
}
(( $+functions[_dtf__subcmd__help__subcmd__templates__subcmd__list_commands] )) ||
_dtf__subcmd__help__subcmd__templates__subcmd__list_commands() {
    local commands; commands=()
    _describe -t commands 'dtf help templates list commands' commands "$@"
}
(( $+functions[_dtf__subcmd__help__subcmd__templates__subcmd__show_commands] )) ||
_dtf__subcmd__help__subcmd__templates__subcmd__show_commands() {
    local commands; commands=()
    _describe -t commands 'dtf help templates show commands' commands "$@"
}
(( $+functions[_dtf__subcmd__help__subcmd__wait_commands] )) ||
_dtf__subcmd__help__subcmd__wait_commands() {
    local commands; commands=()
    _describe -t commands 'dtf help wait commands' commands "$@"
}
(( $+functions[_dtf__subcmd__help__subcmd__why_commands] )) ||
_dtf__subcmd__help__subcmd__why_commands() {
    local commands; commands=()
    _describe -t commands 'dtf help why commands' commands "$@"
}
(( $+functions[_dtf__subcmd__help__subcmd__worker_commands] )) ||
_dtf__subcmd__help__subcmd__worker_commands() {
    local commands; commands=()
    _describe -t commands 'dtf help worker commands' commands "$@"
}
(( $+functions[_dtf__subcmd__help__subcmd__workers_commands] )) ||
_dtf__subcmd__help__subcmd__workers_commands() {
    local commands; commands=()
    _describe -t commands 'dtf help workers commands' commands "$@"
}
(( $+functions[_dtf__subcmd__logs_commands] )) ||
_dtf__subcmd__logs_commands() {
    local commands; commands=()
    _describe -t commands 'dtf logs commands' commands "$@"
}
(( $+functions[_dtf__subcmd__openapi_commands] )) ||
_dtf__subcmd__openapi_commands() {
    local commands; commands=()
    _describe -t commands 'dtf openapi commands' commands "$@"
}
(( $+functions[_dtf__subcmd__report_commands] )) ||
_dtf__subcmd__report_commands() {
    local commands; commands=()
    _describe -t commands 'dtf report commands' commands "$@"
}
(( $+functions[_dtf__subcmd__run_commands] )) ||
_dtf__subcmd__run_commands() {
    local commands; commands=()
    _describe -t commands 'dtf run commands' commands "$@"
}
(( $+functions[_dtf__subcmd__status_commands] )) ||
_dtf__subcmd__status_commands() {
    local commands; commands=()
    _describe -t commands 'dtf status commands' commands "$@"
}
(( $+functions[_dtf__subcmd__submit_commands] )) ||
_dtf__subcmd__submit_commands() {
    local commands; commands=()
    _describe -t commands 'dtf submit commands' commands "$@"
}
(( $+functions[_dtf__subcmd__templates_commands] )) ||
_dtf__subcmd__templates_commands() {
    local commands; commands=(
'list:List what is in effect\: built in, added to the coordinator, your own' \
'show:Print a template or a shared part' \
'add:Add templates to the coordinator, for everybody who submits there' \
'check:Check templates\: hostile values, Python'\''s own reading, dry runs without packages' \
'history:List the versions of a template with author and time' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'dtf templates commands' commands "$@"
}
(( $+functions[_dtf__subcmd__templates__subcmd__add_commands] )) ||
_dtf__subcmd__templates__subcmd__add_commands() {
    local commands; commands=()
    _describe -t commands 'dtf templates add commands' commands "$@"
}
(( $+functions[_dtf__subcmd__templates__subcmd__check_commands] )) ||
_dtf__subcmd__templates__subcmd__check_commands() {
    local commands; commands=()
    _describe -t commands 'dtf templates check commands' commands "$@"
}
(( $+functions[_dtf__subcmd__templates__subcmd__help_commands] )) ||
_dtf__subcmd__templates__subcmd__help_commands() {
    local commands; commands=(
'list:List what is in effect\: built in, added to the coordinator, your own' \
'show:Print a template or a shared part' \
'add:Add templates to the coordinator, for everybody who submits there' \
'check:Check templates\: hostile values, Python'\''s own reading, dry runs without packages' \
'history:List the versions of a template with author and time' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'dtf templates help commands' commands "$@"
}
(( $+functions[_dtf__subcmd__templates__subcmd__help__subcmd__add_commands] )) ||
_dtf__subcmd__templates__subcmd__help__subcmd__add_commands() {
    local commands; commands=()
    _describe -t commands 'dtf templates help add commands' commands "$@"
}
(( $+functions[_dtf__subcmd__templates__subcmd__help__subcmd__check_commands] )) ||
_dtf__subcmd__templates__subcmd__help__subcmd__check_commands() {
    local commands; commands=()
    _describe -t commands 'dtf templates help check commands' commands "$@"
}
(( $+functions[_dtf__subcmd__templates__subcmd__help__subcmd__help_commands] )) ||
_dtf__subcmd__templates__subcmd__help__subcmd__help_commands() {
    local commands; commands=()
    _describe -t commands 'dtf templates help help commands' commands "$@"
}
(( $+functions[_dtf__subcmd__templates__subcmd__help__subcmd__history_commands] )) ||
_dtf__subcmd__templates__subcmd__help__subcmd__history_commands() {
    local commands; commands=()
    _describe -t commands 'dtf templates help history commands' commands "$@"
}
(( $+functions[_dtf__subcmd__templates__subcmd__help__subcmd__list_commands] )) ||
_dtf__subcmd__templates__subcmd__help__subcmd__list_commands() {
    local commands; commands=()
    _describe -t commands 'dtf templates help list commands' commands "$@"
}
(( $+functions[_dtf__subcmd__templates__subcmd__help__subcmd__show_commands] )) ||
_dtf__subcmd__templates__subcmd__help__subcmd__show_commands() {
    local commands; commands=()
    _describe -t commands 'dtf templates help show commands' commands "$@"
}
(( $+functions[_dtf__subcmd__templates__subcmd__history_commands] )) ||
_dtf__subcmd__templates__subcmd__history_commands() {
    local commands; commands=()
    _describe -t commands 'dtf templates history commands' commands "$@"
}
(( $+functions[_dtf__subcmd__templates__subcmd__list_commands] )) ||
_dtf__subcmd__templates__subcmd__list_commands() {
    local commands; commands=()
    _describe -t commands 'dtf templates list commands' commands "$@"
}
(( $+functions[_dtf__subcmd__templates__subcmd__show_commands] )) ||
_dtf__subcmd__templates__subcmd__show_commands() {
    local commands; commands=()
    _describe -t commands 'dtf templates show commands' commands "$@"
}
(( $+functions[_dtf__subcmd__wait_commands] )) ||
_dtf__subcmd__wait_commands() {
    local commands; commands=()
    _describe -t commands 'dtf wait commands' commands "$@"
}
(( $+functions[_dtf__subcmd__why_commands] )) ||
_dtf__subcmd__why_commands() {
    local commands; commands=()
    _describe -t commands 'dtf why commands' commands "$@"
}
(( $+functions[_dtf__subcmd__worker_commands] )) ||
_dtf__subcmd__worker_commands() {
    local commands; commands=()
    _describe -t commands 'dtf worker commands' commands "$@"
}
(( $+functions[_dtf__subcmd__workers_commands] )) ||
_dtf__subcmd__workers_commands() {
    local commands; commands=()
    _describe -t commands 'dtf workers commands' commands "$@"
}

if [ "$funcstack[1]" = "_dtf" ]; then
    _dtf "$@"
else
    compdef _dtf dtf
fi
