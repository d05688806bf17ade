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
'--config=[Settings file \[default\: config.yaml in the settings directory, if it exists\]]:FILE:_files' \
'--token-file=[File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it]:FILE:_files' \
'--color=[When to print colours]:WHEN:(auto always never)' \
'*-v[Print more log messages (-vv for debug messages)]' \
'*--verbose[Print more log messages (-vv for debug messages)]' \
'(-v --verbose)-q[Print only results, warnings and errors]' \
'(-v --verbose)--quiet[Print only results, warnings and errors]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
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
'--listen=[Address and port to listen on; a non-loopback address requires --token-file \[default\: 127.0.0.1\:7700\]]:ADDRESS:PORT:_default' \
'--data-dir=[Directory of the event log, the results and uploaded files]:DIR:_files' \
'--confirm-changes=[Run tests again, on the same worker, when a metric seems to be worse than before \[default\: true\]]::BOOL:(true false)' \
'--max-run-size=[Maximum size of the files of one run, or \`none\` \[default\: 64GiB\]]:SIZE:_default' \
'--max-data-size=[Maximum size of the data directory, or \`none\` \[default\: none\]]:SIZE:_default' \
'--max-weights-size=[Maximum size of the weights that clients pushed, or \`none\` \[default\: 500GiB\]]:SIZE:_default' \
'--min-free=[Free disk space below which uploads and submissions are refused, or \`none\` \[default\: 1GiB, or 5 % of the disk if that is less\]]:SIZE:_default' \
'--log-retention=[Time for which the event log keeps its records, or \`forever\` \[default\: 180d\]]:DURATION:_default' \
'--output=[Output format of --check]:OUTPUT:(table json)' \
'--config=[Settings file \[default\: config.yaml in the settings directory, if it exists\]]:FILE:_files' \
'--token-file=[File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it]:FILE:_files' \
'--color=[When to print colours]:WHEN:(auto always never)' \
'(--check)--accept-lost-records[Start although the event log has lost records]' \
'--check[Check the stored data of a stopped coordinator, change nothing, and exit]' \
'*-v[Print more log messages (-vv for debug messages)]' \
'*--verbose[Print more log messages (-vv for debug messages)]' \
'(-v --verbose)-q[Print only results, warnings and errors]' \
'(-v --verbose)--quiet[Print only results, warnings and errors]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
&& ret=0
;;
(worker)
_arguments "${_arguments_options[@]}" : \
'--coordinator=[Address of the coordinator \[default\: http\://127.0.0.1\:7700\]]:URL:_default' \
'--slots=[Maximum number of tests that run at the same time \[default\: number of CPU cores\]]:N:_default' \
'--tags=[Tags of this machine, which tests can require; separated by commas]:TAG,…:_default' \
'--allow-remote-code=[Allow tests to run Python code that comes with a model]::BOOL:(true false)' \
'--environments-dir=[Directory of Python environments; several workers may share it]:DIR:_files' \
'--weights-dir=[Directory of fetched weights; several workers may share it]:DIR:_files' \
'--weights-cache-size=[Maximum size of the fetched weights, such as 500GiB, or none \[default\: half of the disk\]]:SIZE:_default' \
'--python=[Python interpreter that environments are built with \[default\: python3 in PATH\]]:FILE:_default' \
'--system-packages=[Use the packages installed for this interpreter instead of building environments]::BOOL:(true false)' \
'--torch-backend=[Build of PyTorch to install, such as cpu, auto or cu128 \[default\: chosen by the devices\]]:NAME:_default' \
'--offline=[Do not use the network\: build environments from caches only]::BOOL:(true false)' \
'--pass-env=[Additional environment variables to pass to tests, separated by commas]:NAME,…:_default' \
'--mounts=[Directories that have other names on other systems, such as '\''D\:\\models=/srv/models'\'', separated by commas]:A=B,…:_default' \
'--templates=[Directory of your templates; they override built-in ones (see docs/templates.md)]:DIR:_files' \
'--backends=[File with your back-ends, and changes of known ones (see docs/backends.md)]:FILE:_files' \
'--name=[Name of this worker in reports \[default\: the host name\]]:NAME:_default' \
'--work-dir=[Directory of running attempts, files and results that are not yet sent]:DIR:_files' \
'*--runtimes=[Libraries to offer as back-ends\: openvino, onnxruntime, …; they are installed and tried first]:BACKEND,…:_default' \
'--prefetch=[Build the environments and fetch the weights for this plan before the worker registers]:PLAN:_files' \
'--idle-timeout=[Exit after this time without a test, such as 10m]:DURATION:_default' \
'--config=[Settings file \[default\: config.yaml in the settings directory, if it exists\]]:FILE:_files' \
'--token-file=[File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it]:FILE:_files' \
'--color=[When to print colours]:WHEN:(auto always never)' \
'(--slots)--quiet-machine[Run one test at a time, with all CPU cores\: measurements for comparison]' \
'(--ephemeral --idle-timeout --runtimes)--prefetch-only[Exit after --prefetch, with an error if something is missing]' \
'--ephemeral[Exit when at least one test has run and no tests are left]' \
'--null-runner[Report every test as passed without running it, to measure the overhead of dtf]' \
'*-v[Print more log messages (-vv for debug messages)]' \
'*--verbose[Print more log messages (-vv for debug messages)]' \
'(-v --verbose)-q[Print only results, warnings and errors]' \
'(-v --verbose)--quiet[Print only results, warnings and errors]' \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(submit)
_arguments "${_arguments_options[@]}" : \
'--coordinator=[Address of the coordinator \[default\: http\://127.0.0.1\:7700\]]:URL:_default' \
'*--with=[Pin a package in the environment of every test, such as transformers==5.24.0. Repeatable]:PACKAGE==VERSION:_default' \
'--templates=[Directory of your templates; they override built-in ones (see docs/templates.md)]:DIR:_files' \
'--backends=[File with your back-ends, and changes of known ones (see docs/backends.md)]:FILE:_files' \
'--wait-timeout=[Stop waiting after this time, with exit code 8]:DURATION:_default' \
'--unschedulable-timeout=[Stop waiting, with exit code 102, after this time without a worker for the remaining tests \[default\: 1m while there are workers, else unlimited\]]:DURATION:_default' \
'--output=[Output format of the report with --wait, otherwise of the run id (csv only with --wait)]:OUTPUT:(table json csv)' \
'*--write=[Also write the report to a file, such as junit=out/junit.xml; formats as of dtf report. Repeatable]:FORMAT=FILE:_default' \
'--junit-dialect=[Dialect of JUnit XML]:DIALECT:((common\:"With properties of tests and times of attempts"
jenkins-strict\:"Only what the schema of Jenkins allows"))' \
'--config=[Settings file \[default\: config.yaml in the settings directory, if it exists\]]:FILE:_files' \
'--token-file=[File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it]:FILE:_files' \
'--color=[When to print colours]:WHEN:(auto always never)' \
'--require-weights[Refuse tests with random weights]' \
'--wait[Wait until the run has finished and print its report]' \
'--fail-on-flaky[Exit with code 100 if a test passed only after a failed attempt]' \
'*-v[Print more log messages (-vv for debug messages)]' \
'*--verbose[Print more log messages (-vv for debug messages)]' \
'(-v --verbose)-q[Print only results, warnings and errors]' \
'(-v --verbose)--quiet[Print only results, warnings and errors]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
':plan -- Plan file (see docs/plan.md):_files' \
&& ret=0
;;
(wait)
_arguments "${_arguments_options[@]}" : \
'--coordinator=[Address of the coordinator \[default\: http\://127.0.0.1\:7700\]]:URL:_default' \
'--timeout=[Stop waiting after this time, with exit code 8]:DURATION:_default' \
'--unschedulable-timeout=[Stop waiting, with exit code 102, after this time without a worker for the remaining tests \[default\: 1m while there are workers, else unlimited\]]:DURATION:_default' \
'--output=[Output format of the report]:OUTPUT:(table json csv)' \
'*--write=[Also write the report to a file, such as junit=out/junit.xml; formats as of dtf report. Repeatable]:FORMAT=FILE:_default' \
'--junit-dialect=[Dialect of JUnit XML]:DIALECT:((common\:"With properties of tests and times of attempts"
jenkins-strict\:"Only what the schema of Jenkins allows"))' \
'--config=[Settings file \[default\: config.yaml in the settings directory, if it exists\]]:FILE:_files' \
'--token-file=[File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it]:FILE:_files' \
'--color=[When to print colours]:WHEN:(auto always never)' \
'--fail-on-flaky[Exit with code 100 if a test passed only after a failed attempt]' \
'*-v[Print more log messages (-vv for debug messages)]' \
'*--verbose[Print more log messages (-vv for debug messages)]' \
'(-v --verbose)-q[Print only results, warnings and errors]' \
'(-v --verbose)--quiet[Print only results, warnings and errors]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
':run -- Id of the run, such as r12:_default' \
&& ret=0
;;
(check)
_arguments "${_arguments_options[@]}" : \
'--coordinator=[Coordinator that provides templates, the hardware of its workers and earlier measurements]:URL:_default' \
'*--with=[Pin a package in the environment of every test, such as transformers==5.24.0. Repeatable]:PACKAGE==VERSION:_default' \
'--templates=[Directory of your templates; they override built-in ones (see docs/templates.md)]:DIR:_files' \
'--backends=[File with your back-ends, and changes of known ones (see docs/backends.md)]:FILE:_files' \
'--offline=[Do not ask the model hub about models that this machine does not know]::BOOL:(true false)' \
'--config=[Settings file \[default\: config.yaml in the settings directory, if it exists\]]:FILE:_files' \
'--token-file=[File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it]:FILE:_files' \
'--color=[When to print colours]:WHEN:(auto always never)' \
'*-v[Print more log messages (-vv for debug messages)]' \
'*--verbose[Print more log messages (-vv for debug messages)]' \
'(-v --verbose)-q[Print only results, warnings and errors]' \
'(-v --verbose)--quiet[Print only results, warnings and errors]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
':plan -- Plan file (see docs/plan.md):_files' \
&& ret=0
;;
(run)
_arguments "${_arguments_options[@]}" : \
'--coordinator=[Coordinator that provides templates, the hardware of its workers and earlier measurements]:URL:_default' \
'*--hw=[Back-ends, or \`auto\` for the CPU and all detected accelerators \[default\: cpu for generate, auto for run\]]:BACKEND,…:_default' \
'*--batch=[Batch sizes]:N,…:_default' \
'*--sequence-length=[Sequence lengths, in tokens]:N,…:_default' \
'*--image-size=[Image sizes, in pixels]:N,…:_default' \
'*--dtype=[Data types, such as float32,bfloat16]:DTYPE,…:_default' \
'*--attention=[Attention implementations\: default, eager, sdpa, \`flash_attention_2\`]:NAME,…:_default' \
'*--runtime=[Runtimes that execute the model\: torch, onnxruntime, openvino]:NAME,…:_default' \
'*--weights=[Weights\: auto, cached, random, hub, ./directory, path\:DIR, owner/model@revision, …]:SOURCE,…:_default' \
'*--exclude=[Exclude combinations that match all of these values, such as backend=cuda,batch=16. Repeatable]:KEY=VALUE,…:_default' \
'*--include=[Add one combination; give a value for every axis with several values. Repeatable]:KEY=VALUE,…:_default' \
'--family=[Family of the model \[default\: detected\]]:FAMILY:_default' \
'--revision=[Revision of the model\: a branch, a tag or a commit]:REVISION:_default' \
'--compare=[Another checkpoint of the model, tested and compared with it on the same inputs]:MODEL:_default' \
'*--set=[Additional parameter of the template. Repeatable]:NAME=VALUE:_default' \
'*--with=[Pin a package in the environment of every test, such as transformers==5.24.0. Repeatable]:PACKAGE==VERSION:_default' \
'--templates=[Directory of your templates; they override built-in ones (see docs/templates.md)]:DIR:_files' \
'--backends=[File with your back-ends, and changes of known ones (see docs/backends.md)]:FILE:_files' \
'--slots=[Maximum number of tests that run at the same time \[default\: number of CPU cores\]]:N:_default' \
'--tags=[Tags of this machine, which tests can require; separated by commas]:TAG,…:_default' \
'--allow-remote-code=[Allow tests to run Python code that comes with a model]::BOOL:(true false)' \
'--environments-dir=[Directory of Python environments; several workers may share it]:DIR:_files' \
'--weights-dir=[Directory of fetched weights; several workers may share it]:DIR:_files' \
'--weights-cache-size=[Maximum size of the fetched weights, such as 500GiB, or none \[default\: half of the disk\]]:SIZE:_default' \
'--python=[Python interpreter that environments are built with \[default\: python3 in PATH\]]:FILE:_default' \
'--system-packages=[Use the packages installed for this interpreter instead of building environments]::BOOL:(true false)' \
'--torch-backend=[Build of PyTorch to install, such as cpu, auto or cu128 \[default\: chosen by the devices\]]:NAME:_default' \
'--offline=[Do not use the network\: build environments from caches only]::BOOL:(true false)' \
'--pass-env=[Additional environment variables to pass to tests, separated by commas]:NAME,…:_default' \
'--mounts=[Directories that have other names on other systems, such as '\''D\:\\models=/srv/models'\'', separated by commas]:A=B,…:_default' \
'--data-dir=[Directory of the event log and the results \[default\: \`local\` in the platform'\''s data directory\]]:DIR:_files' \
'--output=[Output format of the report or list]:OUTPUT:(table json csv)' \
'*--write=[Also write the report to a file, such as junit=out/junit.xml; formats as of dtf report. Repeatable]:FORMAT=FILE:_default' \
'--junit-dialect=[Dialect of JUnit XML]:DIALECT:((common\:"With properties of tests and times of attempts"
jenkins-strict\:"Only what the schema of Jenkins allows"))' \
'--config=[Settings file \[default\: config.yaml in the settings directory, if it exists\]]:FILE:_files' \
'--token-file=[File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it]:FILE:_files' \
'--color=[When to print colours]:WHEN:(auto always never)' \
'--dry-run[List the tests and their requirements without running them]' \
'(--dry-run)--open[Show the run in the browser, and serve its page until Ctrl-C]' \
'--allow-pickle[Load pickled weights if there are no others; reading a pickle may run code]' \
'--trust-remote-code[Run Python code in the directory of the model; workers must allow it]' \
'--require-weights[Refuse tests with random weights]' \
'(--slots)--quiet-machine[Run one test at a time, with all CPU cores\: measurements for comparison]' \
'--fail-on-flaky[Exit with code 100 if a test passed only after a failed attempt]' \
'*-v[Print more log messages (-vv for debug messages)]' \
'*--verbose[Print more log messages (-vv for debug messages)]' \
'(-v --verbose)-q[Print only results, warnings and errors]' \
'(-v --verbose)--quiet[Print only results, warnings and errors]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'*::what -- A plan file, or models:_default' \
&& ret=0
;;
(generate)
_arguments "${_arguments_options[@]}" : \
'--coordinator=[Coordinator that provides templates, the hardware of its workers and earlier measurements]:URL:_default' \
'*--hw=[Back-ends, or \`auto\` for the CPU and all detected accelerators \[default\: cpu for generate, auto for run\]]:BACKEND,…:_default' \
'*--batch=[Batch sizes]:N,…:_default' \
'*--sequence-length=[Sequence lengths, in tokens]:N,…:_default' \
'*--image-size=[Image sizes, in pixels]:N,…:_default' \
'*--dtype=[Data types, such as float32,bfloat16]:DTYPE,…:_default' \
'*--attention=[Attention implementations\: default, eager, sdpa, \`flash_attention_2\`]:NAME,…:_default' \
'*--runtime=[Runtimes that execute the model\: torch, onnxruntime, openvino]:NAME,…:_default' \
'*--weights=[Weights\: auto, cached, random, hub, ./directory, path\:DIR, owner/model@revision, …]:SOURCE,…:_default' \
'*--exclude=[Exclude combinations that match all of these values, such as backend=cuda,batch=16. Repeatable]:KEY=VALUE,…:_default' \
'*--include=[Add one combination; give a value for every axis with several values. Repeatable]:KEY=VALUE,…:_default' \
'--family=[Family of the model \[default\: detected\]]:FAMILY:_default' \
'--revision=[Revision of the model\: a branch, a tag or a commit]:REVISION:_default' \
'--compare=[Another checkpoint of the model, tested and compared with it on the same inputs]:MODEL:_default' \
'*--set=[Additional parameter of the template. Repeatable]:NAME=VALUE:_default' \
'*--with=[Pin a package in the environment of every test, such as transformers==5.24.0. Repeatable]:PACKAGE==VERSION:_default' \
'--templates=[Directory of your templates; they override built-in ones (see docs/templates.md)]:DIR:_files' \
'--backends=[File with your back-ends, and changes of known ones (see docs/backends.md)]:FILE:_files' \
'(--out --explain)--from-pytest=[Generate tests from this directory or file of a pytest suite]:PATH:_files' \
'--shard-time=[Maximum expected time of one shard \[default\: a quarter of the suite, between 10s and 1m\]]:DURATION:_default' \
'--durations=[Measured times of the tests\: a JUnit file (.xml) or \`.test_durations\` of pytest-split]:FILE:_files' \
'*--files=[Additional files that the tests need, relative to the root directory. Repeatable]:PATTERN:_default' \
'*--env=[Environment variable for the collection and for the tests. Repeatable]:NAME=VALUE:_default' \
'--out=[Directory to write the plan and the scripts to \[default\: dtf-tests\]]:DIR:_files' \
'(--out)--graph=[Print the dependencies of the tests, as text or for Graphviz, without writing files]::FORMAT:(text dot)' \
'--output=[Output format of the list or report; csv only with --dry-run, --run or --submit --wait]:OUTPUT:(table json csv)' \
'*--write=[Also write the report to a file, such as junit=out/junit.xml; formats as of dtf report. Repeatable]:FORMAT=FILE:_default' \
'--junit-dialect=[Dialect of JUnit XML]:DIALECT:((common\:"With properties of tests and times of attempts"
jenkins-strict\:"Only what the schema of Jenkins allows"))' \
'--wait-timeout=[Stop waiting after this time, with exit code 8]:DURATION:_default' \
'--unschedulable-timeout=[Stop waiting, with exit code 102, after this time without a worker for the remaining tests \[default\: 1m while there are workers, else unlimited\]]:DURATION:_default' \
'--slots=[Maximum number of tests that run at the same time \[default\: number of CPU cores\]]:N:_default' \
'--tags=[Tags of this machine, which tests can require; separated by commas]:TAG,…:_default' \
'--allow-remote-code=[Allow tests to run Python code that comes with a model]::BOOL:(true false)' \
'--environments-dir=[Directory of Python environments; several workers may share it]:DIR:_files' \
'--weights-dir=[Directory of fetched weights; several workers may share it]:DIR:_files' \
'--weights-cache-size=[Maximum size of the fetched weights, such as 500GiB, or none \[default\: half of the disk\]]:SIZE:_default' \
'--python=[Python interpreter that environments are built with \[default\: python3 in PATH\]]:FILE:_default' \
'--system-packages=[Use the packages installed for this interpreter instead of building environments]::BOOL:(true false)' \
'--torch-backend=[Build of PyTorch to install, such as cpu, auto or cu128 \[default\: chosen by the devices\]]:NAME:_default' \
'--offline=[Do not use the network\: build environments from caches only]::BOOL:(true false)' \
'--pass-env=[Additional environment variables to pass to tests, separated by commas]:NAME,…:_default' \
'--mounts=[Directories that have other names on other systems, such as '\''D\:\\models=/srv/models'\'', separated by commas]:A=B,…:_default' \
'--data-dir=[Directory of the event log and the results \[default\: \`local\` in the platform'\''s data directory\]]:DIR:_files' \
'--config=[Settings file \[default\: config.yaml in the settings directory, if it exists\]]:FILE:_files' \
'--token-file=[File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it]:FILE:_files' \
'--color=[When to print colours]:WHEN:(auto always never)' \
'--allow-pickle[Load pickled weights if there are no others; reading a pickle may run code]' \
'--trust-remote-code[Run Python code in the directory of the model; workers must allow it]' \
'--require-weights[Refuse tests with random weights]' \
'--force[Write to a directory that is not empty, and overwrite files]' \
'(--out)--dry-run[List the tests and their requirements without writing files]' \
'(--out)--explain[Explain family, properties and test priorities of each model without writing files]' \
'--submit[Submit the tests to the coordinator]' \
'--run[Run the tests on this machine]' \
'--fail-on-flaky[Exit with code 100 if a test passed only after a failed attempt]' \
'--wait[Wait until the run has finished and print its report]' \
'(--slots)--quiet-machine[Run one test at a time, with all CPU cores\: measurements for comparison]' \
'*-v[Print more log messages (-vv for debug messages)]' \
'*--verbose[Print more log messages (-vv for debug messages)]' \
'(-v --verbose)-q[Print only results, warnings and errors]' \
'(-v --verbose)--quiet[Print only results, warnings and errors]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'*::what -- Models\: names, directories with a config.json, or config.json files:_default' \
&& ret=0
;;
(upgrade)
_arguments "${_arguments_options[@]}" : \
'*--from=[Packages before the upgrade \[default\: as the plan resolves today\]. Repeatable]:PACKAGE==VERSION:_default' \
'(--model)--plan=[Plan file with the tests]:PLAN:_files' \
'*--model=[Model to test instead of a plan. Repeatable]:MODEL:_default' \
'--rounds=[Maximum number of rounds in which results that differ are measured again]:N:_default' \
'--output=[Output format of the report]:OUTPUT:(table json csv markdown)' \
'*--hw=[Back-ends, or \`auto\` for the CPU and all detected accelerators \[default\: cpu for generate, auto for run\]]:BACKEND,…:_default' \
'*--batch=[Batch sizes]:N,…:_default' \
'*--sequence-length=[Sequence lengths, in tokens]:N,…:_default' \
'*--image-size=[Image sizes, in pixels]:N,…:_default' \
'*--dtype=[Data types, such as float32,bfloat16]:DTYPE,…:_default' \
'*--attention=[Attention implementations\: default, eager, sdpa, \`flash_attention_2\`]:NAME,…:_default' \
'*--runtime=[Runtimes that execute the model\: torch, onnxruntime, openvino]:NAME,…:_default' \
'*--weights=[Weights\: auto, cached, random, hub, ./directory, path\:DIR, owner/model@revision, …]:SOURCE,…:_default' \
'*--exclude=[Exclude combinations that match all of these values, such as backend=cuda,batch=16. Repeatable]:KEY=VALUE,…:_default' \
'*--include=[Add one combination; give a value for every axis with several values. Repeatable]:KEY=VALUE,…:_default' \
'--family=[Family of the model \[default\: detected\]]:FAMILY:_default' \
'--revision=[Revision of the model\: a branch, a tag or a commit]:REVISION:_default' \
'--compare=[Another checkpoint of the model, tested and compared with it on the same inputs]:MODEL:_default' \
'*--set=[Additional parameter of the template. Repeatable]:NAME=VALUE:_default' \
'--coordinator=[Coordinator whose workers run the tests \[default\: this machine\]]:URL:_default' \
'--templates=[Directory of your templates; they override built-in ones (see docs/templates.md)]:DIR:_files' \
'--backends=[File with your back-ends, and changes of known ones (see docs/backends.md)]:FILE:_files' \
'--slots=[Maximum number of tests that run at the same time \[default\: number of CPU cores\]]:N:_default' \
'--tags=[Tags of this machine, which tests can require; separated by commas]:TAG,…:_default' \
'--allow-remote-code=[Allow tests to run Python code that comes with a model]::BOOL:(true false)' \
'--environments-dir=[Directory of Python environments; several workers may share it]:DIR:_files' \
'--weights-dir=[Directory of fetched weights; several workers may share it]:DIR:_files' \
'--weights-cache-size=[Maximum size of the fetched weights, such as 500GiB, or none \[default\: half of the disk\]]:SIZE:_default' \
'--python=[Python interpreter that environments are built with \[default\: python3 in PATH\]]:FILE:_default' \
'--system-packages=[Use the packages installed for this interpreter instead of building environments]::BOOL:(true false)' \
'--torch-backend=[Build of PyTorch to install, such as cpu, auto or cu128 \[default\: chosen by the devices\]]:NAME:_default' \
'--offline=[Do not use the network\: build environments from caches only]::BOOL:(true false)' \
'--pass-env=[Additional environment variables to pass to tests, separated by commas]:NAME,…:_default' \
'--mounts=[Directories that have other names on other systems, such as '\''D\:\\models=/srv/models'\'', separated by commas]:A=B,…:_default' \
'--data-dir=[Directory of the event log and the results \[default\: \`local\` in the platform'\''s data directory\]]:DIR:_files' \
'--config=[Settings file \[default\: config.yaml in the settings directory, if it exists\]]:FILE:_files' \
'--token-file=[File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it]:FILE:_files' \
'--color=[When to print colours]:WHEN:(auto always never)' \
'--allow-pickle[Load pickled weights if there are no others; reading a pickle may run code]' \
'--trust-remote-code[Run Python code in the directory of the model; workers must allow it]' \
'--require-weights[Refuse tests with random weights]' \
'(--slots)--quiet-machine[Run one test at a time, with all CPU cores\: measurements for comparison]' \
'*-v[Print more log messages (-vv for debug messages)]' \
'*--verbose[Print more log messages (-vv for debug messages)]' \
'(-v --verbose)-q[Print only results, warnings and errors]' \
'(-v --verbose)--quiet[Print only results, warnings and errors]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'*::after -- Packages after the upgrade, such as transformers==5.24.0:_default' \
&& ret=0
;;
(bisect)
_arguments "${_arguments_options[@]}" : \
'--package=[Package whose versions are searched]:PACKAGE:_default' \
'--good=[Version or commit with which the test passes]:VERSION:_default' \
'--bad=[Version or commit with which it fails]:VERSION:_default' \
'--plan=[Plan file with the test]:PLAN:_files' \
'--metric=[Search for a regression of this metric, such as \`latency_seconds\`, instead of a failure]:METRIC:_default' \
'(--versions --pre)--commits=[Git repository of the package\: search its commits instead of versions]:DIRECTORY|URL:_default' \
'*--versions=[Search these versions, the oldest first, instead of those of the package index]:VERSION,…:_default' \
'--output=[Output format of the result]:OUTPUT:(table json)' \
'*--hw=[Back-ends, or \`auto\` for the CPU and all detected accelerators \[default\: cpu for generate, auto for run\]]:BACKEND,…:_default' \
'*--batch=[Batch sizes]:N,…:_default' \
'*--sequence-length=[Sequence lengths, in tokens]:N,…:_default' \
'*--image-size=[Image sizes, in pixels]:N,…:_default' \
'*--dtype=[Data types, such as float32,bfloat16]:DTYPE,…:_default' \
'*--attention=[Attention implementations\: default, eager, sdpa, \`flash_attention_2\`]:NAME,…:_default' \
'*--runtime=[Runtimes that execute the model\: torch, onnxruntime, openvino]:NAME,…:_default' \
'*--weights=[Weights\: auto, cached, random, hub, ./directory, path\:DIR, owner/model@revision, …]:SOURCE,…:_default' \
'*--exclude=[Exclude combinations that match all of these values, such as backend=cuda,batch=16. Repeatable]:KEY=VALUE,…:_default' \
'*--include=[Add one combination; give a value for every axis with several values. Repeatable]:KEY=VALUE,…:_default' \
'--family=[Family of the model \[default\: detected\]]:FAMILY:_default' \
'--revision=[Revision of the model\: a branch, a tag or a commit]:REVISION:_default' \
'--compare=[Another checkpoint of the model, tested and compared with it on the same inputs]:MODEL:_default' \
'*--set=[Additional parameter of the template. Repeatable]:NAME=VALUE:_default' \
'--coordinator=[Coordinator whose workers run the tests \[default\: this machine\]]:URL:_default' \
'--templates=[Directory of your templates; they override built-in ones (see docs/templates.md)]:DIR:_files' \
'--backends=[File with your back-ends, and changes of known ones (see docs/backends.md)]:FILE:_files' \
'--slots=[Maximum number of tests that run at the same time \[default\: number of CPU cores\]]:N:_default' \
'--tags=[Tags of this machine, which tests can require; separated by commas]:TAG,…:_default' \
'--allow-remote-code=[Allow tests to run Python code that comes with a model]::BOOL:(true false)' \
'--environments-dir=[Directory of Python environments; several workers may share it]:DIR:_files' \
'--weights-dir=[Directory of fetched weights; several workers may share it]:DIR:_files' \
'--weights-cache-size=[Maximum size of the fetched weights, such as 500GiB, or none \[default\: half of the disk\]]:SIZE:_default' \
'--python=[Python interpreter that environments are built with \[default\: python3 in PATH\]]:FILE:_default' \
'--system-packages=[Use the packages installed for this interpreter instead of building environments]::BOOL:(true false)' \
'--torch-backend=[Build of PyTorch to install, such as cpu, auto or cu128 \[default\: chosen by the devices\]]:NAME:_default' \
'--offline=[Do not use the network\: build environments from caches only]::BOOL:(true false)' \
'--pass-env=[Additional environment variables to pass to tests, separated by commas]:NAME,…:_default' \
'--mounts=[Directories that have other names on other systems, such as '\''D\:\\models=/srv/models'\'', separated by commas]:A=B,…:_default' \
'--data-dir=[Directory of the event log and the results \[default\: \`local\` in the platform'\''s data directory\]]:DIR:_files' \
'--config=[Settings file \[default\: config.yaml in the settings directory, if it exists\]]:FILE:_files' \
'--token-file=[File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it]:FILE:_files' \
'--color=[When to print colours]:WHEN:(auto always never)' \
'--pre[Include pre-releases]' \
'--allow-pickle[Load pickled weights if there are no others; reading a pickle may run code]' \
'--trust-remote-code[Run Python code in the directory of the model; workers must allow it]' \
'--require-weights[Refuse tests with random weights]' \
'(--slots)--quiet-machine[Run one test at a time, with all CPU cores\: measurements for comparison]' \
'*-v[Print more log messages (-vv for debug messages)]' \
'*--verbose[Print more log messages (-vv for debug messages)]' \
'(-v --verbose)-q[Print only results, warnings and errors]' \
'(-v --verbose)--quiet[Print only results, warnings and errors]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
':test -- A test of the plan, a model, or the id of a result:_default' \
&& ret=0
;;
(report)
_arguments "${_arguments_options[@]}" : \
'--coordinator=[Address of the coordinator \[default\: http\://127.0.0.1\:7700\]]:URL:_default' \
'--data-dir=[Read results from this data directory of \`dtf run\` or of a stopped coordinator]:DIR:_files' \
'(--run)--since=[Include runs submitted in this period, such as 7d, or since a date, such as 2026-11-28 \[default\: 7d\]]:PERIOD|DATE:_default' \
'*--run=[Include only this run, such as r12 or \`latest\`. Repeatable]:RUN:_default' \
'(--run --since)*--between=[Include only runs between two dates or two runs, such as --between r12 r20]:FROM:_default:FROM:_default' \
'--model=[Include only these models; \`*\` matches any text. Separate several by commas]:MODEL,…:_default' \
'--hw=[Include only this hardware\: back-ends or products of devices]:HARDWARE,…:_default' \
'--worker=[Include only tests that ran on these workers]:WORKER,…:_default' \
'--family=[Include only these families of models]:FAMILY,…:_default' \
'--status=[Include only tests in these states\: outcomes, \`flaky\`, or \`pending\`]:STATE,…:_default' \
'--group-by=[Rows of the matrix]:PROPERTY:(model family worker dtype batch runtime template kind)' \
'--metric=[Metric of the matrix, and of the history in the HTML report \[default\: \`latency_seconds\`\]]:METRIC:_default' \
'--limit=[Maximum number of tests to show \[default\: 1000 in a table, otherwise 100000\]]:N:_default' \
'--output=[Output format]:OUTPUT:((table\:"Tables that fit the width of the terminal"
json\:"One JSON document, see docs/results.md"
ndjson\:"One line of JSON for each test"
csv\:"A row for each test, for spreadsheets"
markdown\:"Markdown, for summaries of CI systems"
html\:"A page with everything, in one file that needs no network"
junit\:"JUnit XML, for CI systems"
ctrf\:"Common Test Report Format, JSON"
bencher\:"Metrics for Bencher, JSON"))' \
'*--write=[Also write the report to a file, such as junit=out/junit.xml; formats as of dtf report. Repeatable]:FORMAT=FILE:_default' \
'--junit-dialect=[Dialect of JUnit XML]:DIALECT:((common\:"With properties of tests and times of attempts"
jenkins-strict\:"Only what the schema of Jenkins allows"))' \
'--config=[Settings file \[default\: config.yaml in the settings directory, if it exists\]]:FILE:_files' \
'--token-file=[File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it]:FILE:_files' \
'--color=[When to print colours]:WHEN:(auto always never)' \
'--exit-code[Exit with a code for the results (see \`dtf --help\`); 8 if tests are still pending]' \
'--fail-on-flaky[With --exit-code\: exit with code 100 if a test passed only after a failed attempt]' \
'(--exit-code --output --since --between --model --hw --worker --family --status --group-by --metric --limit --write --junit-dialect)--open[Show the dashboard, or the page of one run, in the browser instead of printing]' \
'*-v[Print more log messages (-vv for debug messages)]' \
'*--verbose[Print more log messages (-vv for debug messages)]' \
'(-v --verbose)-q[Print only results, warnings and errors]' \
'(-v --verbose)--quiet[Print only results, warnings and errors]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
&& ret=0
;;
(diff)
_arguments "${_arguments_options[@]}" : \
'--coordinator=[Address of the coordinator \[default\: http\://127.0.0.1\:7700\]]:URL:_default' \
'--data-dir=[Read results from this data directory of \`dtf run\` or of a stopped coordinator]:DIR:_files' \
'--limit=[Maximum number of tests to list]:N:_default' \
'--output=[Output format]:OUTPUT:(table json csv markdown)' \
'--config=[Settings file \[default\: config.yaml in the settings directory, if it exists\]]:FILE:_files' \
'--token-file=[File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it]:FILE:_files' \
'--color=[When to print colours]:WHEN:(auto always never)' \
'--exit-code[Exit with code 100 if a test newly fails or a regression is confirmed, of a test or of many tests of a worker]' \
'*-v[Print more log messages (-vv for debug messages)]' \
'*--verbose[Print more log messages (-vv for debug messages)]' \
'(-v --verbose)-q[Print only results, warnings and errors]' \
'(-v --verbose)--quiet[Print only results, warnings and errors]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
':first -- Run to compare with; with one run, the run to judge against everything before it:_default' \
'::second -- Run to judge:_default' \
&& ret=0
;;
(results)
_arguments "${_arguments_options[@]}" : \
'--config=[Settings file \[default\: config.yaml in the settings directory, if it exists\]]:FILE:_files' \
'--token-file=[File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it]:FILE:_files' \
'--color=[When to print colours]:WHEN:(auto always never)' \
'*-v[Print more log messages (-vv for debug messages)]' \
'*--verbose[Print more log messages (-vv for debug messages)]' \
'(-v --verbose)-q[Print only results, warnings and errors]' \
'(-v --verbose)--quiet[Print only results, warnings and errors]' \
'-h[Print help]' \
'--help[Print help]' \
":: :_dtf__subcmd__results_commands" \
"*::: :->results" \
&& ret=0

    case $state in
    (results)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:dtf-results-command-$line[1]:"
        case $line[1] in
            (accept)
_arguments "${_arguments_options[@]}" : \
'--metric=[Accept only this metric, such as \`latency_seconds\`]:NAME:_default' \
'--reason=[Why the change is intended]:TEXT:_default' \
'(--metric --reason)--remove=[Remove an acceptance, given by its id]:ACCEPTANCE:_default' \
'--coordinator=[Address of the coordinator \[default\: http\://127.0.0.1\:7700\]]:URL:_default' \
'--data-dir=[Read results from this data directory of \`dtf run\` or of a stopped coordinator]:DIR:_files' \
'--output=[Output format]:OUTPUT:(table json)' \
'--config=[Settings file \[default\: config.yaml in the settings directory, if it exists\]]:FILE:_files' \
'--token-file=[File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it]:FILE:_files' \
'--color=[When to print colours]:WHEN:(auto always never)' \
'(--metric --reason --remove)--list[List acceptances]' \
'*-v[Print more log messages (-vv for debug messages)]' \
'*--verbose[Print more log messages (-vv for debug messages)]' \
'(-v --verbose)-q[Print only results, warnings and errors]' \
'(-v --verbose)--quiet[Print only results, warnings and errors]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'::what -- Test (id, name, or part of a name), or run such as r12:_default' \
&& ret=0
;;
(quarantine)
_arguments "${_arguments_options[@]}" : \
'--config=[Settings file \[default\: config.yaml in the settings directory, if it exists\]]:FILE:_files' \
'--token-file=[File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it]:FILE:_files' \
'--color=[When to print colours]:WHEN:(auto always never)' \
'*-v[Print more log messages (-vv for debug messages)]' \
'*--verbose[Print more log messages (-vv for debug messages)]' \
'(-v --verbose)-q[Print only results, warnings and errors]' \
'(-v --verbose)--quiet[Print only results, warnings and errors]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
":: :_dtf__subcmd__results__subcmd__quarantine_commands" \
"*::: :->quarantine" \
&& ret=0

    case $state in
    (quarantine)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:dtf-results-quarantine-command-$line[1]:"
        case $line[1] in
            (add)
_arguments "${_arguments_options[@]}" : \
'--worker=[Only on this worker, given by its name or its id]:WORKER:_default' \
'--backend=[Only on this back-end]:BACKEND:_default' \
'--reason=[Why the tests do not count]:TEXT:_default' \
'--for=[Duration of the quarantine, at most 90d \[default\: 14d\]]:DURATION:_default' \
'--coordinator=[Address of the coordinator \[default\: http\://127.0.0.1\:7700\]]:URL:_default' \
'--data-dir=[Read results from this data directory of \`dtf run\` or of a stopped coordinator]:DIR:_files' \
'--config=[Settings file \[default\: config.yaml in the settings directory, if it exists\]]:FILE:_files' \
'--token-file=[File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it]:FILE:_files' \
'--color=[When to print colours]:WHEN:(auto always never)' \
'*-v[Print more log messages (-vv for debug messages)]' \
'*--verbose[Print more log messages (-vv for debug messages)]' \
'(-v --verbose)-q[Print only results, warnings and errors]' \
'(-v --verbose)--quiet[Print only results, warnings and errors]' \
'-h[Print help]' \
'--help[Print help]' \
':pattern -- Name of the tests; * represents any text, ? any character:_default' \
&& ret=0
;;
(list)
_arguments "${_arguments_options[@]}" : \
'--coordinator=[Address of the coordinator \[default\: http\://127.0.0.1\:7700\]]:URL:_default' \
'--data-dir=[Read results from this data directory of \`dtf run\` or of a stopped coordinator]:DIR:_files' \
'--output=[Output format]:OUTPUT:(table json)' \
'--config=[Settings file \[default\: config.yaml in the settings directory, if it exists\]]:FILE:_files' \
'--token-file=[File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it]:FILE:_files' \
'--color=[When to print colours]:WHEN:(auto always never)' \
'--all[Include quarantines that expired more than 14 days ago or were removed]' \
'*-v[Print more log messages (-vv for debug messages)]' \
'*--verbose[Print more log messages (-vv for debug messages)]' \
'(-v --verbose)-q[Print only results, warnings and errors]' \
'(-v --verbose)--quiet[Print only results, warnings and errors]' \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(remove)
_arguments "${_arguments_options[@]}" : \
'--coordinator=[Address of the coordinator \[default\: http\://127.0.0.1\:7700\]]:URL:_default' \
'--data-dir=[Read results from this data directory of \`dtf run\` or of a stopped coordinator]:DIR:_files' \
'--config=[Settings file \[default\: config.yaml in the settings directory, if it exists\]]:FILE:_files' \
'--token-file=[File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it]:FILE:_files' \
'--color=[When to print colours]:WHEN:(auto always never)' \
'*-v[Print more log messages (-vv for debug messages)]' \
'*--verbose[Print more log messages (-vv for debug messages)]' \
'(-v --verbose)-q[Print only results, warnings and errors]' \
'(-v --verbose)--quiet[Print only results, warnings and errors]' \
'-h[Print help]' \
'--help[Print help]' \
':quarantine -- Id of the quarantine, such as q3:_default' \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
":: :_dtf__subcmd__results__subcmd__quarantine__subcmd__help_commands" \
"*::: :->help" \
&& ret=0

    case $state in
    (help)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:dtf-results-quarantine-help-command-$line[1]:"
        case $line[1] in
            (add)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(list)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(remove)
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
(flaky)
_arguments "${_arguments_options[@]}" : \
'--since=[Include attempts of this period, such as 7d, or since a date \[default\: 30d\]]:PERIOD|DATE:_default' \
'--limit=[Maximum number of tests to show]:N:_default' \
'--coordinator=[Address of the coordinator \[default\: http\://127.0.0.1\:7700\]]:URL:_default' \
'--data-dir=[Read results from this data directory of \`dtf run\` or of a stopped coordinator]:DIR:_files' \
'--output=[Output format]:OUTPUT:(table json)' \
'--config=[Settings file \[default\: config.yaml in the settings directory, if it exists\]]:FILE:_files' \
'--token-file=[File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it]:FILE:_files' \
'--color=[When to print colours]:WHEN:(auto always never)' \
'*-v[Print more log messages (-vv for debug messages)]' \
'*--verbose[Print more log messages (-vv for debug messages)]' \
'(-v --verbose)-q[Print only results, warnings and errors]' \
'(-v --verbose)--quiet[Print only results, warnings and errors]' \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(query)
_arguments "${_arguments_options[@]}" : \
'--coordinator=[Address of the coordinator \[default\: http\://127.0.0.1\:7700\]]:URL:_default' \
'--data-dir=[Read results from this data directory of \`dtf run\` or of a stopped coordinator]:DIR:_files' \
'--output=[Output format]:OUTPUT:(table csv json parquet)' \
'--file=[File to write instead of standard output; it must not exist]:FILE:_files' \
'--limit=[Maximum number of rows \[default\: 1000 in a table, otherwise 1000000\]]:N:_default' \
'--memory=[Maximum working memory; a query that needs more is stopped \[default\: 1GiB\]]:SIZE:_default' \
'--timeout=[Maximum time; a query that takes longer is stopped]:DURATION:_default' \
'--config=[Settings file \[default\: config.yaml in the settings directory, if it exists\]]:FILE:_files' \
'--token-file=[File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it]:FILE:_files' \
'--color=[When to print colours]:WHEN:(auto always never)' \
'*-v[Print more log messages (-vv for debug messages)]' \
'*--verbose[Print more log messages (-vv for debug messages)]' \
'(-v --verbose)-q[Print only results, warnings and errors]' \
'(-v --verbose)--quiet[Print only results, warnings and errors]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
':sql -- Query, or `-` for standard input:_default' \
&& ret=0
;;
(export)
_arguments "${_arguments_options[@]}" : \
'--parquet=[Directory to create]:DIR:_files' \
'--coordinator=[Address of the coordinator \[default\: http\://127.0.0.1\:7700\]]:URL:_default' \
'--data-dir=[Read results from this data directory of \`dtf run\` or of a stopped coordinator]:DIR:_files' \
'--config=[Settings file \[default\: config.yaml in the settings directory, if it exists\]]:FILE:_files' \
'--token-file=[File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it]:FILE:_files' \
'--color=[When to print colours]:WHEN:(auto always never)' \
'*-v[Print more log messages (-vv for debug messages)]' \
'*--verbose[Print more log messages (-vv for debug messages)]' \
'(-v --verbose)-q[Print only results, warnings and errors]' \
'(-v --verbose)--quiet[Print only results, warnings and errors]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
&& ret=0
;;
(import)
_arguments "${_arguments_options[@]}" : \
'--name=[Name of the imported results\: letters, digits, \`-\` and \`_\` \[default\: that of the directory\]]:NAME:_default' \
'--data-dir=[Data directory of \`dtf run\` or of a coordinator]:DIR:_files' \
'--config=[Settings file \[default\: config.yaml in the settings directory, if it exists\]]:FILE:_files' \
'--token-file=[File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it]:FILE:_files' \
'--color=[When to print colours]:WHEN:(auto always never)' \
'--replace[Replace imported results of this name]' \
'*-v[Print more log messages (-vv for debug messages)]' \
'*--verbose[Print more log messages (-vv for debug messages)]' \
'(-v --verbose)-q[Print only results, warnings and errors]' \
'(-v --verbose)--quiet[Print only results, warnings and errors]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
':directory -- Directory that `dtf results export` has written:_files' \
&& ret=0
;;
(gc)
_arguments "${_arguments_options[@]}" : \
'--keep=[Period of which the results are kept, such as 180d]:DURATION:_default' \
'--data-dir=[Data directory of \`dtf run\` or of a stopped coordinator]:DIR:_files' \
'--config=[Settings file \[default\: config.yaml in the settings directory, if it exists\]]:FILE:_files' \
'--token-file=[File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it]:FILE:_files' \
'--color=[When to print colours]:WHEN:(auto always never)' \
'--dry-run[Show what would be removed, and change nothing]' \
'*-v[Print more log messages (-vv for debug messages)]' \
'*--verbose[Print more log messages (-vv for debug messages)]' \
'(-v --verbose)-q[Print only results, warnings and errors]' \
'(-v --verbose)--quiet[Print only results, warnings and errors]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
&& ret=0
;;
(rebuild)
_arguments "${_arguments_options[@]}" : \
'--data-dir=[Data directory of \`dtf run\` or of a stopped coordinator]:DIR:_files' \
'--config=[Settings file \[default\: config.yaml in the settings directory, if it exists\]]:FILE:_files' \
'--token-file=[File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it]:FILE:_files' \
'--color=[When to print colours]:WHEN:(auto always never)' \
'*-v[Print more log messages (-vv for debug messages)]' \
'*--verbose[Print more log messages (-vv for debug messages)]' \
'(-v --verbose)-q[Print only results, warnings and errors]' \
'(-v --verbose)--quiet[Print only results, warnings and errors]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
&& ret=0
;;
(segments)
_arguments "${_arguments_options[@]}" : \
'--config=[Settings file \[default\: config.yaml in the settings directory, if it exists\]]:FILE:_files' \
'--token-file=[File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it]:FILE:_files' \
'--color=[When to print colours]:WHEN:(auto always never)' \
'*-v[Print more log messages (-vv for debug messages)]' \
'*--verbose[Print more log messages (-vv for debug messages)]' \
'(-v --verbose)-q[Print only results, warnings and errors]' \
'(-v --verbose)--quiet[Print only results, warnings and errors]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
&& ret=0
;;
(answer)
_arguments "${_arguments_options[@]}" : \
'--config=[Settings file \[default\: config.yaml in the settings directory, if it exists\]]:FILE:_files' \
'--token-file=[File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it]:FILE:_files' \
'--color=[When to print colours]:WHEN:(auto always never)' \
'*-v[Print more log messages (-vv for debug messages)]' \
'*--verbose[Print more log messages (-vv for debug messages)]' \
'(-v --verbose)-q[Print only results, warnings and errors]' \
'(-v --verbose)--quiet[Print only results, warnings and errors]' \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
":: :_dtf__subcmd__results__subcmd__help_commands" \
"*::: :->help" \
&& ret=0

    case $state in
    (help)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:dtf-results-help-command-$line[1]:"
        case $line[1] in
            (accept)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(quarantine)
_arguments "${_arguments_options[@]}" : \
":: :_dtf__subcmd__results__subcmd__help__subcmd__quarantine_commands" \
"*::: :->quarantine" \
&& ret=0

    case $state in
    (quarantine)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:dtf-results-help-quarantine-command-$line[1]:"
        case $line[1] in
            (add)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(list)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(remove)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
;;
(flaky)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(query)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(export)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(import)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(gc)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(rebuild)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(segments)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(answer)
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
(status)
_arguments "${_arguments_options[@]}" : \
'--coordinator=[Address of the coordinator \[default\: http\://127.0.0.1\:7700\]]:URL:_default' \
'--output=[Output format]:OUTPUT:(table json)' \
'--config=[Settings file \[default\: config.yaml in the settings directory, if it exists\]]:FILE:_files' \
'--token-file=[File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it]:FILE:_files' \
'--color=[When to print colours]:WHEN:(auto always never)' \
'*-v[Print more log messages (-vv for debug messages)]' \
'*--verbose[Print more log messages (-vv for debug messages)]' \
'(-v --verbose)-q[Print only results, warnings and errors]' \
'(-v --verbose)--quiet[Print only results, warnings and errors]' \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(cancel)
_arguments "${_arguments_options[@]}" : \
'--coordinator=[Address of the coordinator \[default\: http\://127.0.0.1\:7700\]]:URL:_default' \
'--output=[Output format]:OUTPUT:(table json)' \
'--config=[Settings file \[default\: config.yaml in the settings directory, if it exists\]]:FILE:_files' \
'--token-file=[File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it]:FILE:_files' \
'--color=[When to print colours]:WHEN:(auto always never)' \
'*-v[Print more log messages (-vv for debug messages)]' \
'*--verbose[Print more log messages (-vv for debug messages)]' \
'(-v --verbose)-q[Print only results, warnings and errors]' \
'(-v --verbose)--quiet[Print only results, warnings and errors]' \
'-h[Print help]' \
'--help[Print help]' \
':run -- Id of the run, such as r12:_default' \
&& ret=0
;;
(logs)
_arguments "${_arguments_options[@]}" : \
'--coordinator=[Address of the coordinator \[default\: http\://127.0.0.1\:7700\]]:URL:_default' \
'--data-dir=[Read results from this data directory of \`dtf run\` or of a stopped coordinator]:DIR:_files' \
'--config=[Settings file \[default\: config.yaml in the settings directory, if it exists\]]:FILE:_files' \
'--token-file=[File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it]:FILE:_files' \
'--color=[When to print colours]:WHEN:(auto always never)' \
'-f[Continue to print output until the attempt ends]' \
'--follow[Continue to print output until the attempt ends]' \
'*-v[Print more log messages (-vv for debug messages)]' \
'*--verbose[Print more log messages (-vv for debug messages)]' \
'(-v --verbose)-q[Print only results, warnings and errors]' \
'(-v --verbose)--quiet[Print only results, warnings and errors]' \
'-h[Print help]' \
'--help[Print help]' \
':what -- Id of a test (r12.t3) or of an attempt (r12.t3.a1), or the name of a test or a part of it:_default' \
&& ret=0
;;
(why)
_arguments "${_arguments_options[@]}" : \
'--coordinator=[Address of the coordinator \[default\: http\://127.0.0.1\:7700\]]:URL:_default' \
'--data-dir=[Read results from this data directory of \`dtf run\` or of a stopped coordinator]:DIR:_files' \
'--output=[Output format]:OUTPUT:(table json)' \
'--config=[Settings file \[default\: config.yaml in the settings directory, if it exists\]]:FILE:_files' \
'--token-file=[File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it]:FILE:_files' \
'--color=[When to print colours]:WHEN:(auto always never)' \
'*-v[Print more log messages (-vv for debug messages)]' \
'*--verbose[Print more log messages (-vv for debug messages)]' \
'(-v --verbose)-q[Print only results, warnings and errors]' \
'(-v --verbose)--quiet[Print only results, warnings and errors]' \
'-h[Print help]' \
'--help[Print help]' \
':test -- Id of the test (r12.t3), its name, or a part of its name:_default' \
&& ret=0
;;
(debug)
_arguments "${_arguments_options[@]}" : \
'--coordinator=[Address of the coordinator \[default\: http\://127.0.0.1\:7700\]]:URL:_default' \
'--data-dir=[Read results from this data directory of \`dtf run\` or of a stopped coordinator]:DIR:_files' \
'--run=[Run in which the test is searched by name\: its id, or \`latest\` \[default\: the newest that has it\]]:RUN:_default' \
'--into=[Directory in which the files are saved \[default\: dtf-debug-RUN, of the new run\]]:DIR:_files' \
'--slots=[Maximum number of tests that run at the same time \[default\: number of CPU cores\]]:N:_default' \
'--tags=[Tags of this machine, which tests can require; separated by commas]:TAG,…:_default' \
'--allow-remote-code=[Allow tests to run Python code that comes with a model]::BOOL:(true false)' \
'--environments-dir=[Directory of Python environments; several workers may share it]:DIR:_files' \
'--weights-dir=[Directory of fetched weights; several workers may share it]:DIR:_files' \
'--weights-cache-size=[Maximum size of the fetched weights, such as 500GiB, or none \[default\: half of the disk\]]:SIZE:_default' \
'--python=[Python interpreter that environments are built with \[default\: python3 in PATH\]]:FILE:_default' \
'--system-packages=[Use the packages installed for this interpreter instead of building environments]::BOOL:(true false)' \
'--torch-backend=[Build of PyTorch to install, such as cpu, auto or cu128 \[default\: chosen by the devices\]]:NAME:_default' \
'--offline=[Do not use the network\: build environments from caches only]::BOOL:(true false)' \
'--pass-env=[Additional environment variables to pass to tests, separated by commas]:NAME,…:_default' \
'--mounts=[Directories that have other names on other systems, such as '\''D\:\\models=/srv/models'\'', separated by commas]:A=B,…:_default' \
'--backends=[File with your back-ends, and changes of known ones (see docs/backends.md)]:FILE:_files' \
'--output=[Output format]:OUTPUT:(table json)' \
'--config=[Settings file \[default\: config.yaml in the settings directory, if it exists\]]:FILE:_files' \
'--token-file=[File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it]:FILE:_files' \
'--color=[When to print colours]:WHEN:(auto always never)' \
'(--slots)--quiet-machine[Run one test at a time, with all CPU cores\: measurements for comparison]' \
'*-v[Print more log messages (-vv for debug messages)]' \
'*--verbose[Print more log messages (-vv for debug messages)]' \
'(-v --verbose)-q[Print only results, warnings and errors]' \
'(-v --verbose)--quiet[Print only results, warnings and errors]' \
'-h[Print help]' \
'--help[Print help]' \
':test -- Id of a failed test (r12.t3), its name, or a part of its name:_default' \
&& ret=0
;;
(workers)
_arguments "${_arguments_options[@]}" : \
'--coordinator=[Address of the coordinator \[default\: http\://127.0.0.1\:7700\]]:URL:_default' \
'(--undrain --all)--drain=[Send no new tests to this worker, given by its id or its unique name]:WORKER:_default' \
'(--all)--undrain=[Send tests to this worker again]:WORKER:_default' \
'--output=[Output format]:OUTPUT:(table json)' \
'--config=[Settings file \[default\: config.yaml in the settings directory, if it exists\]]:FILE:_files' \
'--token-file=[File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it]:FILE:_files' \
'--color=[When to print colours]:WHEN:(auto always never)' \
'--all[Include workers that have left]' \
'*-v[Print more log messages (-vv for debug messages)]' \
'*--verbose[Print more log messages (-vv for debug messages)]' \
'(-v --verbose)-q[Print only results, warnings and errors]' \
'(-v --verbose)--quiet[Print only results, warnings and errors]' \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(weights)
_arguments "${_arguments_options[@]}" : \
'--config=[Settings file \[default\: config.yaml in the settings directory, if it exists\]]:FILE:_files' \
'--token-file=[File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it]:FILE:_files' \
'--color=[When to print colours]:WHEN:(auto always never)' \
'*-v[Print more log messages (-vv for debug messages)]' \
'*--verbose[Print more log messages (-vv for debug messages)]' \
'(-v --verbose)-q[Print only results, warnings and errors]' \
'(-v --verbose)--quiet[Print only results, warnings and errors]' \
'-h[Print help]' \
'--help[Print help]' \
":: :_dtf__subcmd__weights_commands" \
"*::: :->weights" \
&& ret=0

    case $state in
    (weights)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:dtf-weights-command-$line[1]:"
        case $line[1] in
            (list)
_arguments "${_arguments_options[@]}" : \
'--coordinator=[Address of the coordinator \[default\: http\://127.0.0.1\:7700\]]:URL:_default' \
'--weights-dir=[Directory of fetched weights, with --local]:DIR:_files' \
'--output=[Output format]:OUTPUT:(table json)' \
'--config=[Settings file \[default\: config.yaml in the settings directory, if it exists\]]:FILE:_files' \
'--token-file=[File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it]:FILE:_files' \
'--color=[When to print colours]:WHEN:(auto always never)' \
'--local[Use the fetched weights of the workers of this machine, not those of the coordinator]' \
'*-v[Print more log messages (-vv for debug messages)]' \
'*--verbose[Print more log messages (-vv for debug messages)]' \
'(-v --verbose)-q[Print only results, warnings and errors]' \
'(-v --verbose)--quiet[Print only results, warnings and errors]' \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(verify)
_arguments "${_arguments_options[@]}" : \
'--coordinator=[Address of the coordinator \[default\: http\://127.0.0.1\:7700\]]:URL:_default' \
'--weights-dir=[Directory of fetched weights, with --local]:DIR:_files' \
'--config=[Settings file \[default\: config.yaml in the settings directory, if it exists\]]:FILE:_files' \
'--token-file=[File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it]:FILE:_files' \
'--color=[When to print colours]:WHEN:(auto always never)' \
'--local[Use the fetched weights of the workers of this machine, not those of the coordinator]' \
'*-v[Print more log messages (-vv for debug messages)]' \
'*--verbose[Print more log messages (-vv for debug messages)]' \
'(-v --verbose)-q[Print only results, warnings and errors]' \
'(-v --verbose)--quiet[Print only results, warnings and errors]' \
'-h[Print help]' \
'--help[Print help]' \
'*::weights -- Weights\: the beginning of their digest, MODEL@COMMIT, or their name \[default\: all\]:_default' \
&& ret=0
;;
(remove)
_arguments "${_arguments_options[@]}" : \
'--coordinator=[Address of the coordinator \[default\: http\://127.0.0.1\:7700\]]:URL:_default' \
'--weights-dir=[Directory of fetched weights, with --local]:DIR:_files' \
'--config=[Settings file \[default\: config.yaml in the settings directory, if it exists\]]:FILE:_files' \
'--token-file=[File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it]:FILE:_files' \
'--color=[When to print colours]:WHEN:(auto always never)' \
'--local[Use the fetched weights of the workers of this machine, not those of the coordinator]' \
'*-v[Print more log messages (-vv for debug messages)]' \
'*--verbose[Print more log messages (-vv for debug messages)]' \
'(-v --verbose)-q[Print only results, warnings and errors]' \
'(-v --verbose)--quiet[Print only results, warnings and errors]' \
'-h[Print help]' \
'--help[Print help]' \
'*::weights -- Weights\: the beginning of their digest, MODEL@COMMIT, or their name:_default' \
&& ret=0
;;
(push)
_arguments "${_arguments_options[@]}" : \
'--coordinator=[Address of the coordinator \[default\: http\://127.0.0.1\:7700\]]:URL:_default' \
'--config=[Settings file \[default\: config.yaml in the settings directory, if it exists\]]:FILE:_files' \
'--token-file=[File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it]:FILE:_files' \
'--color=[When to print colours]:WHEN:(auto always never)' \
'--remote-code[Include the Python files of the directories, for models with their own code]' \
'*-v[Print more log messages (-vv for debug messages)]' \
'*--verbose[Print more log messages (-vv for debug messages)]' \
'(-v --verbose)-q[Print only results, warnings and errors]' \
'(-v --verbose)--quiet[Print only results, warnings and errors]' \
'-h[Print help]' \
'--help[Print help]' \
'*::folders -- Directories or files with the weights of a model:_files' \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
":: :_dtf__subcmd__weights__subcmd__help_commands" \
"*::: :->help" \
&& ret=0

    case $state in
    (help)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:dtf-weights-help-command-$line[1]:"
        case $line[1] in
            (list)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(verify)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(remove)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(push)
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
(templates)
_arguments "${_arguments_options[@]}" : \
'--config=[Settings file \[default\: config.yaml in the settings directory, if it exists\]]:FILE:_files' \
'--token-file=[File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it]:FILE:_files' \
'--color=[When to print colours]:WHEN:(auto always never)' \
'*-v[Print more log messages (-vv for debug messages)]' \
'*--verbose[Print more log messages (-vv for debug messages)]' \
'(-v --verbose)-q[Print only results, warnings and errors]' \
'(-v --verbose)--quiet[Print only results, warnings and errors]' \
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
'--templates=[Directory of your templates; they override built-in ones (see docs/templates.md)]:DIR:_files' \
'--backends=[File with your back-ends, and changes of known ones (see docs/backends.md)]:FILE:_files' \
'--output=[Output format]:OUTPUT:(table json)' \
'--config=[Settings file \[default\: config.yaml in the settings directory, if it exists\]]:FILE:_files' \
'--token-file=[File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it]:FILE:_files' \
'--color=[When to print colours]:WHEN:(auto always never)' \
'*-v[Print more log messages (-vv for debug messages)]' \
'*--verbose[Print more log messages (-vv for debug messages)]' \
'(-v --verbose)-q[Print only results, warnings and errors]' \
'(-v --verbose)--quiet[Print only results, warnings and errors]' \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(show)
_arguments "${_arguments_options[@]}" : \
'--coordinator=[Address of the coordinator \[default\: http\://127.0.0.1\:7700\]]:URL:_default' \
'--templates=[Directory of your templates; they override built-in ones (see docs/templates.md)]:DIR:_files' \
'--backends=[File with your back-ends, and changes of known ones (see docs/backends.md)]:FILE:_files' \
'--config=[Settings file \[default\: config.yaml in the settings directory, if it exists\]]:FILE:_files' \
'--token-file=[File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it]:FILE:_files' \
'--color=[When to print colours]:WHEN:(auto always never)' \
'*-v[Print more log messages (-vv for debug messages)]' \
'*--verbose[Print more log messages (-vv for debug messages)]' \
'(-v --verbose)-q[Print only results, warnings and errors]' \
'(-v --verbose)--quiet[Print only results, warnings and errors]' \
'-h[Print help]' \
'--help[Print help]' \
':name -- Family (vlm), family and back-end (vlm/cuda), or path of the template:_default' \
&& ret=0
;;
(add)
_arguments "${_arguments_options[@]}" : \
'--coordinator=[Address of the coordinator \[default\: http\://127.0.0.1\:7700\]]:URL:_default' \
'--as=[Path of a single template, such as vlm/test.py.j2]:NAME:_default' \
'--output=[Output format]:OUTPUT:(table json)' \
'--config=[Settings file \[default\: config.yaml in the settings directory, if it exists\]]:FILE:_files' \
'--token-file=[File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it]:FILE:_files' \
'--color=[When to print colours]:WHEN:(auto always never)' \
'*-v[Print more log messages (-vv for debug messages)]' \
'*--verbose[Print more log messages (-vv for debug messages)]' \
'(-v --verbose)-q[Print only results, warnings and errors]' \
'(-v --verbose)--quiet[Print only results, warnings and errors]' \
'-h[Print help]' \
'--help[Print help]' \
'*::paths -- Directories of templates (laid out as in docs/templates.md), or files in them:_files' \
&& ret=0
;;
(check)
_arguments "${_arguments_options[@]}" : \
'--coordinator=[Address of the coordinator \[default\: http\://127.0.0.1\:7700\]]:URL:_default' \
'--templates=[Directory of your templates; they override built-in ones (see docs/templates.md)]:DIR:_files' \
'--backends=[File with your back-ends, and changes of known ones (see docs/backends.md)]:FILE:_files' \
'--python=[Python interpreter for the check \[default\: python3 in PATH\]]:FILE:_default' \
'--output=[Output format]:OUTPUT:(table json)' \
'--config=[Settings file \[default\: config.yaml in the settings directory, if it exists\]]:FILE:_files' \
'--token-file=[File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it]:FILE:_files' \
'--color=[When to print colours]:WHEN:(auto always never)' \
'*-v[Print more log messages (-vv for debug messages)]' \
'*--verbose[Print more log messages (-vv for debug messages)]' \
'(-v --verbose)-q[Print only results, warnings and errors]' \
'(-v --verbose)--quiet[Print only results, warnings and errors]' \
'-h[Print help]' \
'--help[Print help]' \
'*::names -- Families (vlm), or families with a back-end (vlm/cuda) \[default\: all\]:_default' \
&& ret=0
;;
(history)
_arguments "${_arguments_options[@]}" : \
'--coordinator=[Address of the coordinator \[default\: http\://127.0.0.1\:7700\]]:URL:_default' \
'--output=[Output format]:OUTPUT:(table json)' \
'--config=[Settings file \[default\: config.yaml in the settings directory, if it exists\]]:FILE:_files' \
'--token-file=[File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it]:FILE:_files' \
'--color=[When to print colours]:WHEN:(auto always never)' \
'*-v[Print more log messages (-vv for debug messages)]' \
'*--verbose[Print more log messages (-vv for debug messages)]' \
'(-v --verbose)-q[Print only results, warnings and errors]' \
'(-v --verbose)--quiet[Print only results, warnings and errors]' \
'-h[Print help]' \
'--help[Print help]' \
':name -- Family (vlm), family and back-end (vlm/cuda), or path of the template:_default' \
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
(log)
_arguments "${_arguments_options[@]}" : \
'--config=[Settings file \[default\: config.yaml in the settings directory, if it exists\]]:FILE:_files' \
'--token-file=[File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it]:FILE:_files' \
'--color=[When to print colours]:WHEN:(auto always never)' \
'*-v[Print more log messages (-vv for debug messages)]' \
'*--verbose[Print more log messages (-vv for debug messages)]' \
'(-v --verbose)-q[Print only results, warnings and errors]' \
'(-v --verbose)--quiet[Print only results, warnings and errors]' \
'-h[Print help]' \
'--help[Print help]' \
":: :_dtf__subcmd__log_commands" \
"*::: :->log" \
&& ret=0

    case $state in
    (log)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:dtf-log-command-$line[1]:"
        case $line[1] in
            (dump)
_arguments "${_arguments_options[@]}" : \
'--data-dir=[Directory of the event log]:DIR:_files' \
'--after=[Print only records with a greater number]:N:_default' \
'--limit=[Maximum number of records]:N:_default' \
'--config=[Settings file \[default\: config.yaml in the settings directory, if it exists\]]:FILE:_files' \
'--token-file=[File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it]:FILE:_files' \
'--color=[When to print colours]:WHEN:(auto always never)' \
'*-v[Print more log messages (-vv for debug messages)]' \
'*--verbose[Print more log messages (-vv for debug messages)]' \
'(-v --verbose)-q[Print only results, warnings and errors]' \
'(-v --verbose)--quiet[Print only results, warnings and errors]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
&& ret=0
;;
(export)
_arguments "${_arguments_options[@]}" : \
'--data-dir=[Directory of the event log]:DIR:_files' \
'--config=[Settings file \[default\: config.yaml in the settings directory, if it exists\]]:FILE:_files' \
'--token-file=[File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it]:FILE:_files' \
'--color=[When to print colours]:WHEN:(auto always never)' \
'*-v[Print more log messages (-vv for debug messages)]' \
'*--verbose[Print more log messages (-vv for debug messages)]' \
'(-v --verbose)-q[Print only results, warnings and errors]' \
'(-v --verbose)--quiet[Print only results, warnings and errors]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
':file -- File to write; it must not exist:_files' \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
":: :_dtf__subcmd__log__subcmd__help_commands" \
"*::: :->help" \
&& ret=0

    case $state in
    (help)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:dtf-log-help-command-$line[1]:"
        case $line[1] in
            (dump)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(export)
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
(detect)
_arguments "${_arguments_options[@]}" : \
'--fake-root=[Directory with recorded files of another machine, instead of those of this one]:DIR:_files' \
'--environments-dir=[Directory of the Python environments whose answers about devices --explain shows]:DIR:_files' \
'--backends=[File with your back-ends, and changes of known ones (see docs/backends.md)]:FILE:_files' \
'--config=[Settings file \[default\: config.yaml in the settings directory, if it exists\]]:FILE:_files' \
'--token-file=[File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it]:FILE:_files' \
'--color=[When to print colours]:WHEN:(auto always never)' \
'--json[Print one JSON document]' \
'(--json)--explain[Show the source of each fact\: the files and programs that were read]' \
'*-v[Print more log messages (-vv for debug messages)]' \
'*--verbose[Print more log messages (-vv for debug messages)]' \
'(-v --verbose)-q[Print only results, warnings and errors]' \
'(-v --verbose)--quiet[Print only results, warnings and errors]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
&& ret=0
;;
(deploy-script)
_arguments "${_arguments_options[@]}" : \
'--target=[Platform of the machine]:TARGET:(linux macos windows docker kubernetes slurm)' \
'--coordinator=[Address of the coordinator, as the machine reaches it]:URL:_default' \
'--role=[Part of dtf that runs on the machine]:ROLE:(worker coordinator)' \
'--mode=[How the platform starts and restarts it \[default\: the first one of the target\]]:MODE:(system user nohup daemon agent task service compose deployment job batch)' \
'--out=[Directory of the files \[default\: dtf-deploy-ID\]]:DIR:_files' \
'--id=[Name of service, files and objects \[default\: dtf-worker or dtf-coordinator\]]:ID:_default' \
'--name=[Display name of the worker in reports \[default\: the name of its host, pod or job\]]:NAME:_default' \
'--binary=[Source of the program]:SOURCE:((file\:"The file dtf beside the script"
coordinator\:"The program of the coordinator, checked by its SHA-256"
package\:"The Python package dtf"))' \
'--index=[Package index from which --binary package installs dtf]:URL:_default' \
'--prefix=[Directory of the installation on the machine \[default\: depends on the mode, see docs/deploy.md\]]:DIR:_default' \
'*--env=[Environment variable of the program; secrets are refused. Repeatable]:NAME=VALUE:_default' \
'--drain=[Time that running tests have to end when the worker is stopped]:DURATION:_default' \
'--slots=[Maximum number of tests at a time, 1 to 4096 \[default\: one for each core\]]:N:_default' \
'*--tags=[Labels that tests can require]:TAGS:_default' \
'--idle-timeout=[Exit after this time without a test, such as 10m]:DURATION:_default' \
'--hw=[Accelerators of a container or a batch job]:HW:(cpu cuda rocm)' \
'--gpus=[Number of accelerators of each container or job \[default\: 1, without --hw 0\]]:N:_default' \
'--cpus=[Maximum number of cores]:N:_default' \
'--memory=[Maximum memory, such as 64GiB]:SIZE:_default' \
'--replicas=[Number of pods or batch jobs]:N:_default' \
'--time-limit=[Maximum time of a batch job \[default\: 4h\]]:DURATION:_default' \
'--partition=[Partition of the Slurm cluster]:NAME:_default' \
'--device-group=[Number of the group that owns the devices of a Kubernetes node with --hw rocm]:GID:_default' \
'--image=[Name of the container image \[default\: dtf-HW\:VERSION\]]:IMAGE:_default' \
'--base-image=[Image that the container image is built on \[default\: one for --hw\]]:IMAGE:_default' \
'--config=[Settings file \[default\: config.yaml in the settings directory, if it exists\]]:FILE:_files' \
'--token-file=[File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it]:FILE:_files' \
'--color=[When to print colours]:WHEN:(auto always never)' \
'--startup-only[Write only the script that starts it, without installation]' \
'--dry-run[Print the files instead of writing them]' \
'*-v[Print more log messages (-vv for debug messages)]' \
'*--verbose[Print more log messages (-vv for debug messages)]' \
'(-v --verbose)-q[Print only results, warnings and errors]' \
'(-v --verbose)--quiet[Print only results, warnings and errors]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
&& ret=0
;;
(path)
_arguments "${_arguments_options[@]}" : \
'--config=[Settings file \[default\: config.yaml in the settings directory, if it exists\]]:FILE:_files' \
'--token-file=[File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it]:FILE:_files' \
'--color=[When to print colours]:WHEN:(auto always never)' \
'*-v[Print more log messages (-vv for debug messages)]' \
'*--verbose[Print more log messages (-vv for debug messages)]' \
'(-v --verbose)-q[Print only results, warnings and errors]' \
'(-v --verbose)--quiet[Print only results, warnings and errors]' \
'-h[Print help]' \
'--help[Print help]' \
":: :_dtf__subcmd__path_commands" \
"*::: :->path" \
&& ret=0

    case $state in
    (path)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:dtf-path-command-$line[1]:"
        case $line[1] in
            (convert)
_arguments "${_arguments_options[@]}" : \
'--to=[System that uses the results]:SYSTEM:(windows posix wsl msys cygwin)' \
'--from=[System that the paths come from; drives of MSYS2 need it \[default\: recognised\]]:SYSTEM:(windows posix wsl msys cygwin)' \
'*--mount=[Directory with another name on the other system, such as '\''D\:\\models=/srv/models'\''. Repeatable]:A=B:_default' \
'--wsl-root=[Directory of the drives in WSL]:DIR:_default' \
'--distribution=[Name of the WSL distribution, such as Ubuntu]:NAME:_default' \
'--output=[Output format]:OUTPUT:(table json)' \
'--config=[Settings file \[default\: config.yaml in the settings directory, if it exists\]]:FILE:_files' \
'--token-file=[File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it]:FILE:_files' \
'--color=[When to print colours]:WHEN:(auto always never)' \
'--list[Treat each PATH as a list like that of the PATH variable]' \
'*-v[Print more log messages (-vv for debug messages)]' \
'*--verbose[Print more log messages (-vv for debug messages)]' \
'(-v --verbose)-q[Print only results, warnings and errors]' \
'(-v --verbose)--quiet[Print only results, warnings and errors]' \
'-h[Print help]' \
'--help[Print help]' \
'*::paths -- Paths or `file\:` URIs:_default' \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
":: :_dtf__subcmd__path__subcmd__help_commands" \
"*::: :->help" \
&& ret=0

    case $state in
    (help)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:dtf-path-help-command-$line[1]:"
        case $line[1] in
            (convert)
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
(config)
_arguments "${_arguments_options[@]}" : \
'--config=[Settings file \[default\: config.yaml in the settings directory, if it exists\]]:FILE:_files' \
'--token-file=[File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it]:FILE:_files' \
'--color=[When to print colours]:WHEN:(auto always never)' \
'*-v[Print more log messages (-vv for debug messages)]' \
'*--verbose[Print more log messages (-vv for debug messages)]' \
'(-v --verbose)-q[Print only results, warnings and errors]' \
'(-v --verbose)--quiet[Print only results, warnings and errors]' \
'-h[Print help]' \
'--help[Print help]' \
":: :_dtf__subcmd__config_commands" \
"*::: :->config" \
&& ret=0

    case $state in
    (config)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:dtf-config-command-$line[1]:"
        case $line[1] in
            (show)
_arguments "${_arguments_options[@]}" : \
'--output=[Output format]:OUTPUT:(table json)' \
'--listen=[Address and port to listen on; a non-loopback address requires --token-file \[default\: 127.0.0.1\:7700\]]:ADDRESS:PORT:_default' \
'--data-dir=[Directory of the event log, the results and uploaded files]:DIR:_files' \
'--confirm-changes=[Run tests again, on the same worker, when a metric seems to be worse than before \[default\: true\]]::BOOL:(true false)' \
'--max-run-size=[Maximum size of the files of one run, or \`none\` \[default\: 64GiB\]]:SIZE:_default' \
'--max-data-size=[Maximum size of the data directory, or \`none\` \[default\: none\]]:SIZE:_default' \
'--max-weights-size=[Maximum size of the weights that clients pushed, or \`none\` \[default\: 500GiB\]]:SIZE:_default' \
'--min-free=[Free disk space below which uploads and submissions are refused, or \`none\` \[default\: 1GiB, or 5 % of the disk if that is less\]]:SIZE:_default' \
'--log-retention=[Time for which the event log keeps its records, or \`forever\` \[default\: 180d\]]:DURATION:_default' \
'--coordinator=[Address of the coordinator \[default\: http\://127.0.0.1\:7700\]]:URL:_default' \
'--slots=[Maximum number of tests that run at the same time \[default\: number of CPU cores\]]:N:_default' \
'--tags=[Tags of this machine, which tests can require; separated by commas]:TAG,…:_default' \
'--allow-remote-code=[Allow tests to run Python code that comes with a model]::BOOL:(true false)' \
'--environments-dir=[Directory of Python environments; several workers may share it]:DIR:_files' \
'--weights-dir=[Directory of fetched weights; several workers may share it]:DIR:_files' \
'--weights-cache-size=[Maximum size of the fetched weights, such as 500GiB, or none \[default\: half of the disk\]]:SIZE:_default' \
'--python=[Python interpreter that environments are built with \[default\: python3 in PATH\]]:FILE:_default' \
'--system-packages=[Use the packages installed for this interpreter instead of building environments]::BOOL:(true false)' \
'--torch-backend=[Build of PyTorch to install, such as cpu, auto or cu128 \[default\: chosen by the devices\]]:NAME:_default' \
'--offline=[Do not use the network\: build environments from caches only]::BOOL:(true false)' \
'--pass-env=[Additional environment variables to pass to tests, separated by commas]:NAME,…:_default' \
'--mounts=[Directories that have other names on other systems, such as '\''D\:\\models=/srv/models'\'', separated by commas]:A=B,…:_default' \
'--templates=[Directory of your templates; they override built-in ones (see docs/templates.md)]:DIR:_files' \
'--backends=[File with your back-ends, and changes of known ones (see docs/backends.md)]:FILE:_files' \
'--name=[Name of this worker in reports \[default\: the host name\]]:NAME:_default' \
'--work-dir=[Directory of running attempts, files and results that are not yet sent]:DIR:_files' \
'*--runtimes=[Libraries to offer as back-ends\: openvino, onnxruntime, …; they are installed and tried first]:BACKEND,…:_default' \
'--prefetch=[Build the environments and fetch the weights for this plan before the worker registers]:PLAN:_files' \
'--idle-timeout=[Exit after this time without a test, such as 10m]:DURATION:_default' \
'--config=[Settings file \[default\: config.yaml in the settings directory, if it exists\]]:FILE:_files' \
'--token-file=[File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it]:FILE:_files' \
'--color=[When to print colours]:WHEN:(auto always never)' \
'--origin[Print where each value comes from]' \
'(--slots)--quiet-machine[Run one test at a time, with all CPU cores\: measurements for comparison]' \
'(--ephemeral --idle-timeout --runtimes)--prefetch-only[Exit after --prefetch, with an error if something is missing]' \
'--ephemeral[Exit when at least one test has run and no tests are left]' \
'--null-runner[Report every test as passed without running it, to measure the overhead of dtf]' \
'*-v[Print more log messages (-vv for debug messages)]' \
'*--verbose[Print more log messages (-vv for debug messages)]' \
'(-v --verbose)-q[Print only results, warnings and errors]' \
'(-v --verbose)--quiet[Print only results, warnings and errors]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
&& ret=0
;;
(path)
_arguments "${_arguments_options[@]}" : \
'--config=[Settings file \[default\: config.yaml in the settings directory, if it exists\]]:FILE:_files' \
'--token-file=[File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it]:FILE:_files' \
'--color=[When to print colours]:WHEN:(auto always never)' \
'*-v[Print more log messages (-vv for debug messages)]' \
'*--verbose[Print more log messages (-vv for debug messages)]' \
'(-v --verbose)-q[Print only results, warnings and errors]' \
'(-v --verbose)--quiet[Print only results, warnings and errors]' \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
":: :_dtf__subcmd__config__subcmd__help_commands" \
"*::: :->help" \
&& ret=0

    case $state in
    (help)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:dtf-config-help-command-$line[1]:"
        case $line[1] in
            (show)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(path)
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
'--config=[Settings file \[default\: config.yaml in the settings directory, if it exists\]]:FILE:_files' \
'--token-file=[File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it]:FILE:_files' \
'--color=[When to print colours]:WHEN:(auto always never)' \
'*-v[Print more log messages (-vv for debug messages)]' \
'*--verbose[Print more log messages (-vv for debug messages)]' \
'(-v --verbose)-q[Print only results, warnings and errors]' \
'(-v --verbose)--quiet[Print only results, warnings and errors]' \
'-h[Print help]' \
'--help[Print help]' \
':shell -- Shell to print completions for:(bash elvish fish powershell zsh)' \
&& ret=0
;;
(config-reference)
_arguments "${_arguments_options[@]}" : \
'--config=[Settings file \[default\: config.yaml in the settings directory, if it exists\]]:FILE:_files' \
'--token-file=[File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it]:FILE:_files' \
'--color=[When to print colours]:WHEN:(auto always never)' \
'*-v[Print more log messages (-vv for debug messages)]' \
'*--verbose[Print more log messages (-vv for debug messages)]' \
'(-v --verbose)-q[Print only results, warnings and errors]' \
'(-v --verbose)--quiet[Print only results, warnings and errors]' \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(openapi)
_arguments "${_arguments_options[@]}" : \
'--config=[Settings file \[default\: config.yaml in the settings directory, if it exists\]]:FILE:_files' \
'--token-file=[File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it]:FILE:_files' \
'--color=[When to print colours]:WHEN:(auto always never)' \
'*-v[Print more log messages (-vv for debug messages)]' \
'*--verbose[Print more log messages (-vv for debug messages)]' \
'(-v --verbose)-q[Print only results, warnings and errors]' \
'(-v --verbose)--quiet[Print only results, warnings and errors]' \
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
(upgrade)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(bisect)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(report)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(diff)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(results)
_arguments "${_arguments_options[@]}" : \
":: :_dtf__subcmd__help__subcmd__results_commands" \
"*::: :->results" \
&& ret=0

    case $state in
    (results)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:dtf-help-results-command-$line[1]:"
        case $line[1] in
            (accept)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(quarantine)
_arguments "${_arguments_options[@]}" : \
":: :_dtf__subcmd__help__subcmd__results__subcmd__quarantine_commands" \
"*::: :->quarantine" \
&& ret=0

    case $state in
    (quarantine)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:dtf-help-results-quarantine-command-$line[1]:"
        case $line[1] in
            (add)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(list)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(remove)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
;;
(flaky)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(query)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(export)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(import)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(gc)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(rebuild)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(segments)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(answer)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
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
(debug)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(workers)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(weights)
_arguments "${_arguments_options[@]}" : \
":: :_dtf__subcmd__help__subcmd__weights_commands" \
"*::: :->weights" \
&& ret=0

    case $state in
    (weights)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:dtf-help-weights-command-$line[1]:"
        case $line[1] in
            (list)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(verify)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(remove)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(push)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
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
(log)
_arguments "${_arguments_options[@]}" : \
":: :_dtf__subcmd__help__subcmd__log_commands" \
"*::: :->log" \
&& ret=0

    case $state in
    (log)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:dtf-help-log-command-$line[1]:"
        case $line[1] in
            (dump)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(export)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
;;
(detect)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(deploy-script)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(path)
_arguments "${_arguments_options[@]}" : \
":: :_dtf__subcmd__help__subcmd__path_commands" \
"*::: :->path" \
&& ret=0

    case $state in
    (path)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:dtf-help-path-command-$line[1]:"
        case $line[1] in
            (convert)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
;;
(config)
_arguments "${_arguments_options[@]}" : \
":: :_dtf__subcmd__help__subcmd__config_commands" \
"*::: :->config" \
&& ret=0

    case $state in
    (config)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:dtf-help-config-command-$line[1]:"
        case $line[1] in
            (show)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(path)
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
'coordinator:Start a coordinator, which schedules tests and stores results' \
'worker:Run tests for a coordinator on this machine' \
'submit:Submit the tests of a plan to a coordinator' \
'wait:Wait until a run has finished and print its report' \
'check:Check a plan and list its mistakes without submitting it' \
'run:Run a plan, or tests of models, on this machine' \
'generate:Write tests for models\: a plan, and scripts that also run without dtf' \
'upgrade:Compare the tests of a plan before and after an upgrade of packages' \
'bisect:Find the first version of a package with which a test fails or a metric regresses' \
'report:Show results\: a matrix, passed, failed and flaky tests, latencies, workers' \
'diff:Show what changed between two runs' \
'results:Judge, mark and query stored results' \
'status:Show the state of the coordinator and its newest runs' \
'cancel:Cancel a run\: drop its waiting tests and stop its running ones' \
'logs:Print the output of a test' \
'why:Explain why a test waits, was skipped, or ended as it did' \
'debug:Run a failed model test again to find where its difference begins' \
'workers:List workers, or drain a worker' \
'weights:List, verify, remove and push the weights of models' \
'templates:List, show, add and check test templates' \
'log:Read the event log of a coordinator that is not running' \
'detect:Show the processors, memory and devices of this machine' \
'deploy-script:Write scripts that install and start a worker or a coordinator' \
'path:Convert paths between Windows, POSIX, WSL, MSYS2 and Cygwin' \
'config:Show the settings in effect' \
'completions:Print a completion script for a shell' \
'config-reference:Print docs/config.md' \
'openapi:Print docs/openapi.json' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'dtf commands' commands "$@"
}
(( $+functions[_dtf__subcmd__bisect_commands] )) ||
_dtf__subcmd__bisect_commands() {
    local commands; commands=()
    _describe -t commands 'dtf bisect commands' commands "$@"
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
(( $+functions[_dtf__subcmd__config_commands] )) ||
_dtf__subcmd__config_commands() {
    local commands; commands=(
'show:Print each setting with its value' \
'path:Print the path of the settings file, whether it exists or not' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'dtf config commands' commands "$@"
}
(( $+functions[_dtf__subcmd__config__subcmd__help_commands] )) ||
_dtf__subcmd__config__subcmd__help_commands() {
    local commands; commands=(
'show:Print each setting with its value' \
'path:Print the path of the settings file, whether it exists or not' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'dtf config help commands' commands "$@"
}
(( $+functions[_dtf__subcmd__config__subcmd__help__subcmd__help_commands] )) ||
_dtf__subcmd__config__subcmd__help__subcmd__help_commands() {
    local commands; commands=()
    _describe -t commands 'dtf config help help commands' commands "$@"
}
(( $+functions[_dtf__subcmd__config__subcmd__help__subcmd__path_commands] )) ||
_dtf__subcmd__config__subcmd__help__subcmd__path_commands() {
    local commands; commands=()
    _describe -t commands 'dtf config help path commands' commands "$@"
}
(( $+functions[_dtf__subcmd__config__subcmd__help__subcmd__show_commands] )) ||
_dtf__subcmd__config__subcmd__help__subcmd__show_commands() {
    local commands; commands=()
    _describe -t commands 'dtf config help show commands' commands "$@"
}
(( $+functions[_dtf__subcmd__config__subcmd__path_commands] )) ||
_dtf__subcmd__config__subcmd__path_commands() {
    local commands; commands=()
    _describe -t commands 'dtf config path commands' commands "$@"
}
(( $+functions[_dtf__subcmd__config__subcmd__show_commands] )) ||
_dtf__subcmd__config__subcmd__show_commands() {
    local commands; commands=()
    _describe -t commands 'dtf config show commands' commands "$@"
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
(( $+functions[_dtf__subcmd__debug_commands] )) ||
_dtf__subcmd__debug_commands() {
    local commands; commands=()
    _describe -t commands 'dtf debug commands' commands "$@"
}
(( $+functions[_dtf__subcmd__deploy-script_commands] )) ||
_dtf__subcmd__deploy-script_commands() {
    local commands; commands=()
    _describe -t commands 'dtf deploy-script commands' commands "$@"
}
(( $+functions[_dtf__subcmd__detect_commands] )) ||
_dtf__subcmd__detect_commands() {
    local commands; commands=()
    _describe -t commands 'dtf detect commands' commands "$@"
}
(( $+functions[_dtf__subcmd__diff_commands] )) ||
_dtf__subcmd__diff_commands() {
    local commands; commands=()
    _describe -t commands 'dtf diff commands' commands "$@"
}
(( $+functions[_dtf__subcmd__generate_commands] )) ||
_dtf__subcmd__generate_commands() {
    local commands; commands=()
    _describe -t commands 'dtf generate commands' commands "$@"
}
(( $+functions[_dtf__subcmd__help_commands] )) ||
_dtf__subcmd__help_commands() {
    local commands; commands=(
'coordinator:Start a coordinator, which schedules tests and stores results' \
'worker:Run tests for a coordinator on this machine' \
'submit:Submit the tests of a plan to a coordinator' \
'wait:Wait until a run has finished and print its report' \
'check:Check a plan and list its mistakes without submitting it' \
'run:Run a plan, or tests of models, on this machine' \
'generate:Write tests for models\: a plan, and scripts that also run without dtf' \
'upgrade:Compare the tests of a plan before and after an upgrade of packages' \
'bisect:Find the first version of a package with which a test fails or a metric regresses' \
'report:Show results\: a matrix, passed, failed and flaky tests, latencies, workers' \
'diff:Show what changed between two runs' \
'results:Judge, mark and query stored results' \
'status:Show the state of the coordinator and its newest runs' \
'cancel:Cancel a run\: drop its waiting tests and stop its running ones' \
'logs:Print the output of a test' \
'why:Explain why a test waits, was skipped, or ended as it did' \
'debug:Run a failed model test again to find where its difference begins' \
'workers:List workers, or drain a worker' \
'weights:List, verify, remove and push the weights of models' \
'templates:List, show, add and check test templates' \
'log:Read the event log of a coordinator that is not running' \
'detect:Show the processors, memory and devices of this machine' \
'deploy-script:Write scripts that install and start a worker or a coordinator' \
'path:Convert paths between Windows, POSIX, WSL, MSYS2 and Cygwin' \
'config:Show the settings in effect' \
'completions:Print a completion script for a shell' \
'config-reference:Print docs/config.md' \
'openapi:Print docs/openapi.json' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'dtf help commands' commands "$@"
}
(( $+functions[_dtf__subcmd__help__subcmd__bisect_commands] )) ||
_dtf__subcmd__help__subcmd__bisect_commands() {
    local commands; commands=()
    _describe -t commands 'dtf help bisect commands' commands "$@"
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
(( $+functions[_dtf__subcmd__help__subcmd__config_commands] )) ||
_dtf__subcmd__help__subcmd__config_commands() {
    local commands; commands=(
'show:Print each setting with its value' \
'path:Print the path of the settings file, whether it exists or not' \
    )
    _describe -t commands 'dtf help config commands' commands "$@"
}
(( $+functions[_dtf__subcmd__help__subcmd__config__subcmd__path_commands] )) ||
_dtf__subcmd__help__subcmd__config__subcmd__path_commands() {
    local commands; commands=()
    _describe -t commands 'dtf help config path commands' commands "$@"
}
(( $+functions[_dtf__subcmd__help__subcmd__config__subcmd__show_commands] )) ||
_dtf__subcmd__help__subcmd__config__subcmd__show_commands() {
    local commands; commands=()
    _describe -t commands 'dtf help config show commands' commands "$@"
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
(( $+functions[_dtf__subcmd__help__subcmd__debug_commands] )) ||
_dtf__subcmd__help__subcmd__debug_commands() {
    local commands; commands=()
    _describe -t commands 'dtf help debug commands' commands "$@"
}
(( $+functions[_dtf__subcmd__help__subcmd__deploy-script_commands] )) ||
_dtf__subcmd__help__subcmd__deploy-script_commands() {
    local commands; commands=()
    _describe -t commands 'dtf help deploy-script commands' commands "$@"
}
(( $+functions[_dtf__subcmd__help__subcmd__detect_commands] )) ||
_dtf__subcmd__help__subcmd__detect_commands() {
    local commands; commands=()
    _describe -t commands 'dtf help detect commands' commands "$@"
}
(( $+functions[_dtf__subcmd__help__subcmd__diff_commands] )) ||
_dtf__subcmd__help__subcmd__diff_commands() {
    local commands; commands=()
    _describe -t commands 'dtf help diff commands' commands "$@"
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
(( $+functions[_dtf__subcmd__help__subcmd__log_commands] )) ||
_dtf__subcmd__help__subcmd__log_commands() {
    local commands; commands=(
'dump:Print the records of the log as JSON, one per line' \
'export:Write the readable records to a new log' \
    )
    _describe -t commands 'dtf help log commands' commands "$@"
}
(( $+functions[_dtf__subcmd__help__subcmd__log__subcmd__dump_commands] )) ||
_dtf__subcmd__help__subcmd__log__subcmd__dump_commands() {
    local commands; commands=()
    _describe -t commands 'dtf help log dump commands' commands "$@"
}
(( $+functions[_dtf__subcmd__help__subcmd__log__subcmd__export_commands] )) ||
_dtf__subcmd__help__subcmd__log__subcmd__export_commands() {
    local commands; commands=()
    _describe -t commands 'dtf help log export commands' commands "$@"
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
(( $+functions[_dtf__subcmd__help__subcmd__path_commands] )) ||
_dtf__subcmd__help__subcmd__path_commands() {
    local commands; commands=(
'convert:Convert paths to the form of another system' \
    )
    _describe -t commands 'dtf help path commands' commands "$@"
}
(( $+functions[_dtf__subcmd__help__subcmd__path__subcmd__convert_commands] )) ||
_dtf__subcmd__help__subcmd__path__subcmd__convert_commands() {
    local commands; commands=()
    _describe -t commands 'dtf help path convert commands' commands "$@"
}
(( $+functions[_dtf__subcmd__help__subcmd__report_commands] )) ||
_dtf__subcmd__help__subcmd__report_commands() {
    local commands; commands=()
    _describe -t commands 'dtf help report commands' commands "$@"
}
(( $+functions[_dtf__subcmd__help__subcmd__results_commands] )) ||
_dtf__subcmd__help__subcmd__results_commands() {
    local commands; commands=(
'accept:Accept a change\: later results are compared with the new values' \
'quarantine:List, add or remove quarantines of tests' \
'flaky:Show flaky tests, and the rates of failures of workers and back-ends' \
'query:Answer a query in SQL' \
'export:Write all tables as Parquet files' \
'import:Add exported results of another coordinator, to compare with them' \
'gc:Remove old runs, and shrink the files' \
'rebuild:Write the results database anew from the event log' \
'segments:Divide histories from standard input into segments' \
'answer:Answer a query for another process' \
    )
    _describe -t commands 'dtf help results commands' commands "$@"
}
(( $+functions[_dtf__subcmd__help__subcmd__results__subcmd__accept_commands] )) ||
_dtf__subcmd__help__subcmd__results__subcmd__accept_commands() {
    local commands; commands=()
    _describe -t commands 'dtf help results accept commands' commands "$@"
}
(( $+functions[_dtf__subcmd__help__subcmd__results__subcmd__answer_commands] )) ||
_dtf__subcmd__help__subcmd__results__subcmd__answer_commands() {
    local commands; commands=()
    _describe -t commands 'dtf help results answer commands' commands "$@"
}
(( $+functions[_dtf__subcmd__help__subcmd__results__subcmd__export_commands] )) ||
_dtf__subcmd__help__subcmd__results__subcmd__export_commands() {
    local commands; commands=()
    _describe -t commands 'dtf help results export commands' commands "$@"
}
(( $+functions[_dtf__subcmd__help__subcmd__results__subcmd__flaky_commands] )) ||
_dtf__subcmd__help__subcmd__results__subcmd__flaky_commands() {
    local commands; commands=()
    _describe -t commands 'dtf help results flaky commands' commands "$@"
}
(( $+functions[_dtf__subcmd__help__subcmd__results__subcmd__gc_commands] )) ||
_dtf__subcmd__help__subcmd__results__subcmd__gc_commands() {
    local commands; commands=()
    _describe -t commands 'dtf help results gc commands' commands "$@"
}
(( $+functions[_dtf__subcmd__help__subcmd__results__subcmd__import_commands] )) ||
_dtf__subcmd__help__subcmd__results__subcmd__import_commands() {
    local commands; commands=()
    _describe -t commands 'dtf help results import commands' commands "$@"
}
(( $+functions[_dtf__subcmd__help__subcmd__results__subcmd__quarantine_commands] )) ||
_dtf__subcmd__help__subcmd__results__subcmd__quarantine_commands() {
    local commands; commands=(
'add:Put tests into quarantine' \
'list:List quarantines' \
'remove:End a quarantine before it expires' \
    )
    _describe -t commands 'dtf help results quarantine commands' commands "$@"
}
(( $+functions[_dtf__subcmd__help__subcmd__results__subcmd__quarantine__subcmd__add_commands] )) ||
_dtf__subcmd__help__subcmd__results__subcmd__quarantine__subcmd__add_commands() {
    local commands; commands=()
    _describe -t commands 'dtf help results quarantine add commands' commands "$@"
}
(( $+functions[_dtf__subcmd__help__subcmd__results__subcmd__quarantine__subcmd__list_commands] )) ||
_dtf__subcmd__help__subcmd__results__subcmd__quarantine__subcmd__list_commands() {
    local commands; commands=()
    _describe -t commands 'dtf help results quarantine list commands' commands "$@"
}
(( $+functions[_dtf__subcmd__help__subcmd__results__subcmd__quarantine__subcmd__remove_commands] )) ||
_dtf__subcmd__help__subcmd__results__subcmd__quarantine__subcmd__remove_commands() {
    local commands; commands=()
    _describe -t commands 'dtf help results quarantine remove commands' commands "$@"
}
(( $+functions[_dtf__subcmd__help__subcmd__results__subcmd__query_commands] )) ||
_dtf__subcmd__help__subcmd__results__subcmd__query_commands() {
    local commands; commands=()
    _describe -t commands 'dtf help results query commands' commands "$@"
}
(( $+functions[_dtf__subcmd__help__subcmd__results__subcmd__rebuild_commands] )) ||
_dtf__subcmd__help__subcmd__results__subcmd__rebuild_commands() {
    local commands; commands=()
    _describe -t commands 'dtf help results rebuild commands' commands "$@"
}
(( $+functions[_dtf__subcmd__help__subcmd__results__subcmd__segments_commands] )) ||
_dtf__subcmd__help__subcmd__results__subcmd__segments_commands() {
    local commands; commands=()
    _describe -t commands 'dtf help results segments commands' commands "$@"
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
'list:List the templates in effect\: built-in ones, those of the coordinator and your own' \
'show:Print a template or a shared part of templates' \
'add:Add templates to the coordinator, for all users of it' \
'check:Check templates\: render, parse and dry-run their scripts' \
'history:List the versions of a template, with author and time' \
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
(( $+functions[_dtf__subcmd__help__subcmd__upgrade_commands] )) ||
_dtf__subcmd__help__subcmd__upgrade_commands() {
    local commands; commands=()
    _describe -t commands 'dtf help upgrade commands' commands "$@"
}
(( $+functions[_dtf__subcmd__help__subcmd__wait_commands] )) ||
_dtf__subcmd__help__subcmd__wait_commands() {
    local commands; commands=()
    _describe -t commands 'dtf help wait commands' commands "$@"
}
(( $+functions[_dtf__subcmd__help__subcmd__weights_commands] )) ||
_dtf__subcmd__help__subcmd__weights_commands() {
    local commands; commands=(
'list:List stored weights, those that were used last first' \
'verify:Read stored weights and compare them with their digests' \
'remove:Remove stored weights that no waiting or running test needs' \
'push:Send the weights in a directory to the coordinator, before tests need them' \
    )
    _describe -t commands 'dtf help weights commands' commands "$@"
}
(( $+functions[_dtf__subcmd__help__subcmd__weights__subcmd__list_commands] )) ||
_dtf__subcmd__help__subcmd__weights__subcmd__list_commands() {
    local commands; commands=()
    _describe -t commands 'dtf help weights list commands' commands "$@"
}
(( $+functions[_dtf__subcmd__help__subcmd__weights__subcmd__push_commands] )) ||
_dtf__subcmd__help__subcmd__weights__subcmd__push_commands() {
    local commands; commands=()
    _describe -t commands 'dtf help weights push commands' commands "$@"
}
(( $+functions[_dtf__subcmd__help__subcmd__weights__subcmd__remove_commands] )) ||
_dtf__subcmd__help__subcmd__weights__subcmd__remove_commands() {
    local commands; commands=()
    _describe -t commands 'dtf help weights remove commands' commands "$@"
}
(( $+functions[_dtf__subcmd__help__subcmd__weights__subcmd__verify_commands] )) ||
_dtf__subcmd__help__subcmd__weights__subcmd__verify_commands() {
    local commands; commands=()
    _describe -t commands 'dtf help weights verify commands' commands "$@"
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
(( $+functions[_dtf__subcmd__log_commands] )) ||
_dtf__subcmd__log_commands() {
    local commands; commands=(
'dump:Print the records of the log as JSON, one per line' \
'export:Write the readable records to a new log' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'dtf log commands' commands "$@"
}
(( $+functions[_dtf__subcmd__log__subcmd__dump_commands] )) ||
_dtf__subcmd__log__subcmd__dump_commands() {
    local commands; commands=()
    _describe -t commands 'dtf log dump commands' commands "$@"
}
(( $+functions[_dtf__subcmd__log__subcmd__export_commands] )) ||
_dtf__subcmd__log__subcmd__export_commands() {
    local commands; commands=()
    _describe -t commands 'dtf log export commands' commands "$@"
}
(( $+functions[_dtf__subcmd__log__subcmd__help_commands] )) ||
_dtf__subcmd__log__subcmd__help_commands() {
    local commands; commands=(
'dump:Print the records of the log as JSON, one per line' \
'export:Write the readable records to a new log' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'dtf log help commands' commands "$@"
}
(( $+functions[_dtf__subcmd__log__subcmd__help__subcmd__dump_commands] )) ||
_dtf__subcmd__log__subcmd__help__subcmd__dump_commands() {
    local commands; commands=()
    _describe -t commands 'dtf log help dump commands' commands "$@"
}
(( $+functions[_dtf__subcmd__log__subcmd__help__subcmd__export_commands] )) ||
_dtf__subcmd__log__subcmd__help__subcmd__export_commands() {
    local commands; commands=()
    _describe -t commands 'dtf log help export commands' commands "$@"
}
(( $+functions[_dtf__subcmd__log__subcmd__help__subcmd__help_commands] )) ||
_dtf__subcmd__log__subcmd__help__subcmd__help_commands() {
    local commands; commands=()
    _describe -t commands 'dtf log help help commands' commands "$@"
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
(( $+functions[_dtf__subcmd__path_commands] )) ||
_dtf__subcmd__path_commands() {
    local commands; commands=(
'convert:Convert paths to the form of another system' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'dtf path commands' commands "$@"
}
(( $+functions[_dtf__subcmd__path__subcmd__convert_commands] )) ||
_dtf__subcmd__path__subcmd__convert_commands() {
    local commands; commands=()
    _describe -t commands 'dtf path convert commands' commands "$@"
}
(( $+functions[_dtf__subcmd__path__subcmd__help_commands] )) ||
_dtf__subcmd__path__subcmd__help_commands() {
    local commands; commands=(
'convert:Convert paths to the form of another system' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'dtf path help commands' commands "$@"
}
(( $+functions[_dtf__subcmd__path__subcmd__help__subcmd__convert_commands] )) ||
_dtf__subcmd__path__subcmd__help__subcmd__convert_commands() {
    local commands; commands=()
    _describe -t commands 'dtf path help convert commands' commands "$@"
}
(( $+functions[_dtf__subcmd__path__subcmd__help__subcmd__help_commands] )) ||
_dtf__subcmd__path__subcmd__help__subcmd__help_commands() {
    local commands; commands=()
    _describe -t commands 'dtf path help help commands' commands "$@"
}
(( $+functions[_dtf__subcmd__report_commands] )) ||
_dtf__subcmd__report_commands() {
    local commands; commands=()
    _describe -t commands 'dtf report commands' commands "$@"
}
(( $+functions[_dtf__subcmd__results_commands] )) ||
_dtf__subcmd__results_commands() {
    local commands; commands=(
'accept:Accept a change\: later results are compared with the new values' \
'quarantine:List, add or remove quarantines of tests' \
'flaky:Show flaky tests, and the rates of failures of workers and back-ends' \
'query:Answer a query in SQL' \
'export:Write all tables as Parquet files' \
'import:Add exported results of another coordinator, to compare with them' \
'gc:Remove old runs, and shrink the files' \
'rebuild:Write the results database anew from the event log' \
'segments:Divide histories from standard input into segments' \
'answer:Answer a query for another process' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'dtf results commands' commands "$@"
}
(( $+functions[_dtf__subcmd__results__subcmd__accept_commands] )) ||
_dtf__subcmd__results__subcmd__accept_commands() {
    local commands; commands=()
    _describe -t commands 'dtf results accept commands' commands "$@"
}
(( $+functions[_dtf__subcmd__results__subcmd__answer_commands] )) ||
_dtf__subcmd__results__subcmd__answer_commands() {
    local commands; commands=()
    _describe -t commands 'dtf results answer commands' commands "$@"
}
(( $+functions[_dtf__subcmd__results__subcmd__export_commands] )) ||
_dtf__subcmd__results__subcmd__export_commands() {
    local commands; commands=()
    _describe -t commands 'dtf results export commands' commands "$@"
}
(( $+functions[_dtf__subcmd__results__subcmd__flaky_commands] )) ||
_dtf__subcmd__results__subcmd__flaky_commands() {
    local commands; commands=()
    _describe -t commands 'dtf results flaky commands' commands "$@"
}
(( $+functions[_dtf__subcmd__results__subcmd__gc_commands] )) ||
_dtf__subcmd__results__subcmd__gc_commands() {
    local commands; commands=()
    _describe -t commands 'dtf results gc commands' commands "$@"
}
(( $+functions[_dtf__subcmd__results__subcmd__help_commands] )) ||
_dtf__subcmd__results__subcmd__help_commands() {
    local commands; commands=(
'accept:Accept a change\: later results are compared with the new values' \
'quarantine:List, add or remove quarantines of tests' \
'flaky:Show flaky tests, and the rates of failures of workers and back-ends' \
'query:Answer a query in SQL' \
'export:Write all tables as Parquet files' \
'import:Add exported results of another coordinator, to compare with them' \
'gc:Remove old runs, and shrink the files' \
'rebuild:Write the results database anew from the event log' \
'segments:Divide histories from standard input into segments' \
'answer:Answer a query for another process' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'dtf results help commands' commands "$@"
}
(( $+functions[_dtf__subcmd__results__subcmd__help__subcmd__accept_commands] )) ||
_dtf__subcmd__results__subcmd__help__subcmd__accept_commands() {
    local commands; commands=()
    _describe -t commands 'dtf results help accept commands' commands "$@"
}
(( $+functions[_dtf__subcmd__results__subcmd__help__subcmd__answer_commands] )) ||
_dtf__subcmd__results__subcmd__help__subcmd__answer_commands() {
    local commands; commands=()
    _describe -t commands 'dtf results help answer commands' commands "$@"
}
(( $+functions[_dtf__subcmd__results__subcmd__help__subcmd__export_commands] )) ||
_dtf__subcmd__results__subcmd__help__subcmd__export_commands() {
    local commands; commands=()
    _describe -t commands 'dtf results help export commands' commands "$@"
}
(( $+functions[_dtf__subcmd__results__subcmd__help__subcmd__flaky_commands] )) ||
_dtf__subcmd__results__subcmd__help__subcmd__flaky_commands() {
    local commands; commands=()
    _describe -t commands 'dtf results help flaky commands' commands "$@"
}
(( $+functions[_dtf__subcmd__results__subcmd__help__subcmd__gc_commands] )) ||
_dtf__subcmd__results__subcmd__help__subcmd__gc_commands() {
    local commands; commands=()
    _describe -t commands 'dtf results help gc commands' commands "$@"
}
(( $+functions[_dtf__subcmd__results__subcmd__help__subcmd__help_commands] )) ||
_dtf__subcmd__results__subcmd__help__subcmd__help_commands() {
    local commands; commands=()
    _describe -t commands 'dtf results help help commands' commands "$@"
}
(( $+functions[_dtf__subcmd__results__subcmd__help__subcmd__import_commands] )) ||
_dtf__subcmd__results__subcmd__help__subcmd__import_commands() {
    local commands; commands=()
    _describe -t commands 'dtf results help import commands' commands "$@"
}
(( $+functions[_dtf__subcmd__results__subcmd__help__subcmd__quarantine_commands] )) ||
_dtf__subcmd__results__subcmd__help__subcmd__quarantine_commands() {
    local commands; commands=(
'add:Put tests into quarantine' \
'list:List quarantines' \
'remove:End a quarantine before it expires' \
    )
    _describe -t commands 'dtf results help quarantine commands' commands "$@"
}
(( $+functions[_dtf__subcmd__results__subcmd__help__subcmd__quarantine__subcmd__add_commands] )) ||
_dtf__subcmd__results__subcmd__help__subcmd__quarantine__subcmd__add_commands() {
    local commands; commands=()
    _describe -t commands 'dtf results help quarantine add commands' commands "$@"
}
(( $+functions[_dtf__subcmd__results__subcmd__help__subcmd__quarantine__subcmd__list_commands] )) ||
_dtf__subcmd__results__subcmd__help__subcmd__quarantine__subcmd__list_commands() {
    local commands; commands=()
    _describe -t commands 'dtf results help quarantine list commands' commands "$@"
}
(( $+functions[_dtf__subcmd__results__subcmd__help__subcmd__quarantine__subcmd__remove_commands] )) ||
_dtf__subcmd__results__subcmd__help__subcmd__quarantine__subcmd__remove_commands() {
    local commands; commands=()
    _describe -t commands 'dtf results help quarantine remove commands' commands "$@"
}
(( $+functions[_dtf__subcmd__results__subcmd__help__subcmd__query_commands] )) ||
_dtf__subcmd__results__subcmd__help__subcmd__query_commands() {
    local commands; commands=()
    _describe -t commands 'dtf results help query commands' commands "$@"
}
(( $+functions[_dtf__subcmd__results__subcmd__help__subcmd__rebuild_commands] )) ||
_dtf__subcmd__results__subcmd__help__subcmd__rebuild_commands() {
    local commands; commands=()
    _describe -t commands 'dtf results help rebuild commands' commands "$@"
}
(( $+functions[_dtf__subcmd__results__subcmd__help__subcmd__segments_commands] )) ||
_dtf__subcmd__results__subcmd__help__subcmd__segments_commands() {
    local commands; commands=()
    _describe -t commands 'dtf results help segments commands' commands "$@"
}
(( $+functions[_dtf__subcmd__results__subcmd__import_commands] )) ||
_dtf__subcmd__results__subcmd__import_commands() {
    local commands; commands=()
    _describe -t commands 'dtf results import commands' commands "$@"
}
(( $+functions[_dtf__subcmd__results__subcmd__quarantine_commands] )) ||
_dtf__subcmd__results__subcmd__quarantine_commands() {
    local commands; commands=(
'add:Put tests into quarantine' \
'list:List quarantines' \
'remove:End a quarantine before it expires' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'dtf results quarantine commands' commands "$@"
}
(( $+functions[_dtf__subcmd__results__subcmd__quarantine__subcmd__add_commands] )) ||
_dtf__subcmd__results__subcmd__quarantine__subcmd__add_commands() {
    local commands; commands=()
    _describe -t commands 'dtf results quarantine add commands' commands "$@"
}
(( $+functions[_dtf__subcmd__results__subcmd__quarantine__subcmd__help_commands] )) ||
_dtf__subcmd__results__subcmd__quarantine__subcmd__help_commands() {
    local commands; commands=(
'add:Put tests into quarantine' \
'list:List quarantines' \
'remove:End a quarantine before it expires' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'dtf results quarantine help commands' commands "$@"
}
(( $+functions[_dtf__subcmd__results__subcmd__quarantine__subcmd__help__subcmd__add_commands] )) ||
_dtf__subcmd__results__subcmd__quarantine__subcmd__help__subcmd__add_commands() {
    local commands; commands=()
    _describe -t commands 'dtf results quarantine help add commands' commands "$@"
}
(( $+functions[_dtf__subcmd__results__subcmd__quarantine__subcmd__help__subcmd__help_commands] )) ||
_dtf__subcmd__results__subcmd__quarantine__subcmd__help__subcmd__help_commands() {
    local commands; commands=()
    _describe -t commands 'dtf results quarantine help help commands' commands "$@"
}
(( $+functions[_dtf__subcmd__results__subcmd__quarantine__subcmd__help__subcmd__list_commands] )) ||
_dtf__subcmd__results__subcmd__quarantine__subcmd__help__subcmd__list_commands() {
    local commands; commands=()
    _describe -t commands 'dtf results quarantine help list commands' commands "$@"
}
(( $+functions[_dtf__subcmd__results__subcmd__quarantine__subcmd__help__subcmd__remove_commands] )) ||
_dtf__subcmd__results__subcmd__quarantine__subcmd__help__subcmd__remove_commands() {
    local commands; commands=()
    _describe -t commands 'dtf results quarantine help remove commands' commands "$@"
}
(( $+functions[_dtf__subcmd__results__subcmd__quarantine__subcmd__list_commands] )) ||
_dtf__subcmd__results__subcmd__quarantine__subcmd__list_commands() {
    local commands; commands=()
    _describe -t commands 'dtf results quarantine list commands' commands "$@"
}
(( $+functions[_dtf__subcmd__results__subcmd__quarantine__subcmd__remove_commands] )) ||
_dtf__subcmd__results__subcmd__quarantine__subcmd__remove_commands() {
    local commands; commands=()
    _describe -t commands 'dtf results quarantine remove commands' commands "$@"
}
(( $+functions[_dtf__subcmd__results__subcmd__query_commands] )) ||
_dtf__subcmd__results__subcmd__query_commands() {
    local commands; commands=()
    _describe -t commands 'dtf results query commands' commands "$@"
}
(( $+functions[_dtf__subcmd__results__subcmd__rebuild_commands] )) ||
_dtf__subcmd__results__subcmd__rebuild_commands() {
    local commands; commands=()
    _describe -t commands 'dtf results rebuild commands' commands "$@"
}
(( $+functions[_dtf__subcmd__results__subcmd__segments_commands] )) ||
_dtf__subcmd__results__subcmd__segments_commands() {
    local commands; commands=()
    _describe -t commands 'dtf results segments commands' commands "$@"
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
'list:List the templates in effect\: built-in ones, those of the coordinator and your own' \
'show:Print a template or a shared part of templates' \
'add:Add templates to the coordinator, for all users of it' \
'check:Check templates\: render, parse and dry-run their scripts' \
'history:List the versions of a template, with author and time' \
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
'list:List the templates in effect\: built-in ones, those of the coordinator and your own' \
'show:Print a template or a shared part of templates' \
'add:Add templates to the coordinator, for all users of it' \
'check:Check templates\: render, parse and dry-run their scripts' \
'history:List the versions of a template, with author and time' \
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
(( $+functions[_dtf__subcmd__upgrade_commands] )) ||
_dtf__subcmd__upgrade_commands() {
    local commands; commands=()
    _describe -t commands 'dtf upgrade commands' commands "$@"
}
(( $+functions[_dtf__subcmd__wait_commands] )) ||
_dtf__subcmd__wait_commands() {
    local commands; commands=()
    _describe -t commands 'dtf wait commands' commands "$@"
}
(( $+functions[_dtf__subcmd__weights_commands] )) ||
_dtf__subcmd__weights_commands() {
    local commands; commands=(
'list:List stored weights, those that were used last first' \
'verify:Read stored weights and compare them with their digests' \
'remove:Remove stored weights that no waiting or running test needs' \
'push:Send the weights in a directory to the coordinator, before tests need them' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'dtf weights commands' commands "$@"
}
(( $+functions[_dtf__subcmd__weights__subcmd__help_commands] )) ||
_dtf__subcmd__weights__subcmd__help_commands() {
    local commands; commands=(
'list:List stored weights, those that were used last first' \
'verify:Read stored weights and compare them with their digests' \
'remove:Remove stored weights that no waiting or running test needs' \
'push:Send the weights in a directory to the coordinator, before tests need them' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'dtf weights help commands' commands "$@"
}
(( $+functions[_dtf__subcmd__weights__subcmd__help__subcmd__help_commands] )) ||
_dtf__subcmd__weights__subcmd__help__subcmd__help_commands() {
    local commands; commands=()
    _describe -t commands 'dtf weights help help commands' commands "$@"
}
(( $+functions[_dtf__subcmd__weights__subcmd__help__subcmd__list_commands] )) ||
_dtf__subcmd__weights__subcmd__help__subcmd__list_commands() {
    local commands; commands=()
    _describe -t commands 'dtf weights help list commands' commands "$@"
}
(( $+functions[_dtf__subcmd__weights__subcmd__help__subcmd__push_commands] )) ||
_dtf__subcmd__weights__subcmd__help__subcmd__push_commands() {
    local commands; commands=()
    _describe -t commands 'dtf weights help push commands' commands "$@"
}
(( $+functions[_dtf__subcmd__weights__subcmd__help__subcmd__remove_commands] )) ||
_dtf__subcmd__weights__subcmd__help__subcmd__remove_commands() {
    local commands; commands=()
    _describe -t commands 'dtf weights help remove commands' commands "$@"
}
(( $+functions[_dtf__subcmd__weights__subcmd__help__subcmd__verify_commands] )) ||
_dtf__subcmd__weights__subcmd__help__subcmd__verify_commands() {
    local commands; commands=()
    _describe -t commands 'dtf weights help verify commands' commands "$@"
}
(( $+functions[_dtf__subcmd__weights__subcmd__list_commands] )) ||
_dtf__subcmd__weights__subcmd__list_commands() {
    local commands; commands=()
    _describe -t commands 'dtf weights list commands' commands "$@"
}
(( $+functions[_dtf__subcmd__weights__subcmd__push_commands] )) ||
_dtf__subcmd__weights__subcmd__push_commands() {
    local commands; commands=()
    _describe -t commands 'dtf weights push commands' commands "$@"
}
(( $+functions[_dtf__subcmd__weights__subcmd__remove_commands] )) ||
_dtf__subcmd__weights__subcmd__remove_commands() {
    local commands; commands=()
    _describe -t commands 'dtf weights remove commands' commands "$@"
}
(( $+functions[_dtf__subcmd__weights__subcmd__verify_commands] )) ||
_dtf__subcmd__weights__subcmd__verify_commands() {
    local commands; commands=()
    _describe -t commands 'dtf weights verify commands' commands "$@"
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
