
using namespace System.Management.Automation
using namespace System.Management.Automation.Language

Register-ArgumentCompleter -Native -CommandName 'dtf' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $commandElements = $commandAst.CommandElements
    $command = @(
        'dtf'
        for ($i = 1; $i -lt $commandElements.Count; $i++) {
            $element = $commandElements[$i]
            if ($element -isnot [StringConstantExpressionAst] -or
                $element.StringConstantType -ne [StringConstantType]::BareWord -or
                $element.Value.StartsWith('-') -or
                $element.Value -eq $wordToComplete) {
                break
        }
        $element.Value
    }) -join ';'

    $completions = @(switch ($command) {
        'dtf' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: config.yaml in the settings directory, if it is there]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'File with the token, readable by its owner only')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more (-vv: everything)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more (-vv: everything)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only results and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only results and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('coordinator', 'coordinator', [CompletionResultType]::ParameterValue, 'Start a coordinator: it schedules tests and keeps results')
            [CompletionResult]::new('worker', 'worker', [CompletionResultType]::ParameterValue, 'Lend this machine to a coordinator')
            [CompletionResult]::new('submit', 'submit', [CompletionResultType]::ParameterValue, 'Send a plan to the coordinator')
            [CompletionResult]::new('wait', 'wait', [CompletionResultType]::ParameterValue, 'Wait for a run that was submitted before')
            [CompletionResult]::new('check', 'check', [CompletionResultType]::ParameterValue, 'Check a plan and list its mistakes, without submitting it')
            [CompletionResult]::new('run', 'run', [CompletionResultType]::ParameterValue, 'Test on this machine: coordinator and worker in one process')
            [CompletionResult]::new('generate', 'generate', [CompletionResultType]::ParameterValue, 'Write tests for models: a plan, and scripts that run alone')
            [CompletionResult]::new('report', 'report', [CompletionResultType]::ParameterValue, 'Show what is correct, fast, broken or flaky')
            [CompletionResult]::new('status', 'status', [CompletionResultType]::ParameterValue, 'Show the coordinator''s state and what is running')
            [CompletionResult]::new('cancel', 'cancel', [CompletionResultType]::ParameterValue, 'Cancel a run: waiting tests end at once, running ones are stopped')
            [CompletionResult]::new('logs', 'logs', [CompletionResultType]::ParameterValue, 'Print what a test wrote')
            [CompletionResult]::new('why', 'why', [CompletionResultType]::ParameterValue, 'Explain why a test waits, was skipped, or ended as it did')
            [CompletionResult]::new('workers', 'workers', [CompletionResultType]::ParameterValue, 'List workers, or drain one')
            [CompletionResult]::new('templates', 'templates', [CompletionResultType]::ParameterValue, 'List, show, add and check templates of tests')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print completions for a shell')
            [CompletionResult]::new('config-reference', 'config-reference', [CompletionResultType]::ParameterValue, 'Print docs/config.md')
            [CompletionResult]::new('openapi', 'openapi', [CompletionResultType]::ParameterValue, 'Print docs/openapi.json')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'dtf;coordinator' {
            [CompletionResult]::new('--listen', '--listen', [CompletionResultType]::ParameterName, 'Address and port; any but loopback needs --token-file [default: 127.0.0.1:7700]')
            [CompletionResult]::new('--data-dir', '--data-dir', [CompletionResultType]::ParameterName, 'Directory of event log, results and files')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: config.yaml in the settings directory, if it is there]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'File with the token, readable by its owner only')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more (-vv: everything)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more (-vv: everything)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only results and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only results and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'dtf;worker' {
            [CompletionResult]::new('--coordinator', '--coordinator', [CompletionResultType]::ParameterName, 'Address of the coordinator [default: http://127.0.0.1:7700]')
            [CompletionResult]::new('--slots', '--slots', [CompletionResultType]::ParameterName, 'Maximum number of tests at a time [default: one for each core]')
            [CompletionResult]::new('--tags', '--tags', [CompletionResultType]::ParameterName, 'Labels that tests can require, separated by commas')
            [CompletionResult]::new('--environments-dir', '--environments-dir', [CompletionResultType]::ParameterName, 'Directory of Python environments; can be shared')
            [CompletionResult]::new('--python', '--python', [CompletionResultType]::ParameterName, 'Interpreter to build environments with [default: python3 in PATH]')
            [CompletionResult]::new('--system-packages', '--system-packages', [CompletionResultType]::ParameterName, 'Use the packages that this interpreter has, instead of building environments')
            [CompletionResult]::new('--torch-backend', '--torch-backend', [CompletionResultType]::ParameterName, 'Torch build to install: cpu, auto, cu128, … [default: what suits the devices]')
            [CompletionResult]::new('--offline', '--offline', [CompletionResultType]::ParameterName, 'Build environments from caches only')
            [CompletionResult]::new('--pass-env', '--pass-env', [CompletionResultType]::ParameterName, 'Further environment variables that tests may see, separated by commas')
            [CompletionResult]::new('--name', '--name', [CompletionResultType]::ParameterName, 'Name in reports [default: the host name]')
            [CompletionResult]::new('--work-dir', '--work-dir', [CompletionResultType]::ParameterName, 'Directory of attempts, files and results not yet sent')
            [CompletionResult]::new('--idle-timeout', '--idle-timeout', [CompletionResultType]::ParameterName, 'Exit after TIME without a test, such as 10m')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: config.yaml in the settings directory, if it is there]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'File with the token, readable by its owner only')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour')
            [CompletionResult]::new('--ephemeral', '--ephemeral', [CompletionResultType]::ParameterName, 'Exit when at least one test has run and there is nothing more to do')
            [CompletionResult]::new('--null-runner', '--null-runner', [CompletionResultType]::ParameterName, 'Answer every test with `passed` without running it, to measure the rest')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more (-vv: everything)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more (-vv: everything)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only results and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only results and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'dtf;submit' {
            [CompletionResult]::new('--coordinator', '--coordinator', [CompletionResultType]::ParameterName, 'Address of the coordinator [default: http://127.0.0.1:7700]')
            [CompletionResult]::new('--templates', '--templates', [CompletionResultType]::ParameterName, 'Directory with templates of your own, which win, see docs/templates.md')
            [CompletionResult]::new('--wait-timeout', '--wait-timeout', [CompletionResultType]::ParameterName, 'Stop waiting after TIME, with exit code 8')
            [CompletionResult]::new('--unschedulable-timeout', '--unschedulable-timeout', [CompletionResultType]::ParameterName, 'Stop waiting, with exit code 102, when for TIME nothing runs and no worker can run what is left [default: 1m; without any worker: wait]')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Form of the report with --wait, else of the run''s id (csv only with --wait)')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: config.yaml in the settings directory, if it is there]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'File with the token, readable by its owner only')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour')
            [CompletionResult]::new('--wait', '--wait', [CompletionResultType]::ParameterName, 'Wait for the end and print the report')
            [CompletionResult]::new('--fail-on-flaky', '--fail-on-flaky', [CompletionResultType]::ParameterName, 'Exit with 100 when a test passed only after a failed attempt')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more (-vv: everything)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more (-vv: everything)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only results and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only results and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'dtf;wait' {
            [CompletionResult]::new('--coordinator', '--coordinator', [CompletionResultType]::ParameterName, 'Address of the coordinator [default: http://127.0.0.1:7700]')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Stop waiting after TIME, with exit code 8')
            [CompletionResult]::new('--unschedulable-timeout', '--unschedulable-timeout', [CompletionResultType]::ParameterName, 'Stop waiting, with exit code 102, when for TIME nothing runs and no worker can run what is left [default: 1m; without any worker: wait]')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Form of the report')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: config.yaml in the settings directory, if it is there]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'File with the token, readable by its owner only')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour')
            [CompletionResult]::new('--fail-on-flaky', '--fail-on-flaky', [CompletionResultType]::ParameterName, 'Exit with 100 when a test passed only after a failed attempt')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more (-vv: everything)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more (-vv: everything)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only results and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only results and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'dtf;check' {
            [CompletionResult]::new('--coordinator', '--coordinator', [CompletionResultType]::ParameterName, 'Coordinator to ask for its templates, its hardware and what it has measured')
            [CompletionResult]::new('--templates', '--templates', [CompletionResultType]::ParameterName, 'Directory with templates of your own, which win, see docs/templates.md')
            [CompletionResult]::new('--offline', '--offline', [CompletionResultType]::ParameterName, 'Do not ask the model hub about models that are not known here')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: config.yaml in the settings directory, if it is there]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'File with the token, readable by its owner only')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more (-vv: everything)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more (-vv: everything)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only results and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only results and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'dtf;run' {
            [CompletionResult]::new('--coordinator', '--coordinator', [CompletionResultType]::ParameterName, 'Coordinator to ask for its templates, its hardware and what it has measured')
            [CompletionResult]::new('--hw', '--hw', [CompletionResultType]::ParameterName, 'Back-ends, or `auto`: cpu and every accelerator found [default: cpu for generate, auto for run]')
            [CompletionResult]::new('--batch', '--batch', [CompletionResultType]::ParameterName, 'Batch sizes')
            [CompletionResult]::new('--sequence-length', '--sequence-length', [CompletionResultType]::ParameterName, 'Sequence lengths in tokens')
            [CompletionResult]::new('--image-size', '--image-size', [CompletionResultType]::ParameterName, 'Image sizes in pixels')
            [CompletionResult]::new('--dtype', '--dtype', [CompletionResultType]::ParameterName, 'Number types, such as float32,bfloat16')
            [CompletionResult]::new('--attention', '--attention', [CompletionResultType]::ParameterName, 'Implementations of attention: default, eager, sdpa, `flash_attention_2`')
            [CompletionResult]::new('--runtime', '--runtime', [CompletionResultType]::ParameterName, 'What executes the model: torch, onnxruntime, openvino')
            [CompletionResult]::new('--weights', '--weights', [CompletionResultType]::ParameterName, 'Where weights come from: auto, cached, random, download')
            [CompletionResult]::new('--exclude', '--exclude', [CompletionResultType]::ParameterName, 'Leave out combinations that match all of these values, such as backend=cuda,batch=16 (repeatable)')
            [CompletionResult]::new('--include', '--include', [CompletionResultType]::ParameterName, 'Add one combination; name every key that has several values (repeatable)')
            [CompletionResult]::new('--family', '--family', [CompletionResultType]::ParameterName, 'Family, when detection should not decide')
            [CompletionResult]::new('--revision', '--revision', [CompletionResultType]::ParameterName, 'Revision of the model')
            [CompletionResult]::new('--set', '--set', [CompletionResultType]::ParameterName, 'Further parameter of the template, as NAME=VALUE')
            [CompletionResult]::new('--templates', '--templates', [CompletionResultType]::ParameterName, 'Directory with templates of your own, which win, see docs/templates.md')
            [CompletionResult]::new('--slots', '--slots', [CompletionResultType]::ParameterName, 'Maximum number of tests at a time [default: one for each core]')
            [CompletionResult]::new('--tags', '--tags', [CompletionResultType]::ParameterName, 'Labels that tests can require, separated by commas')
            [CompletionResult]::new('--environments-dir', '--environments-dir', [CompletionResultType]::ParameterName, 'Directory of Python environments; can be shared')
            [CompletionResult]::new('--python', '--python', [CompletionResultType]::ParameterName, 'Interpreter to build environments with [default: python3 in PATH]')
            [CompletionResult]::new('--system-packages', '--system-packages', [CompletionResultType]::ParameterName, 'Use the packages that this interpreter has, instead of building environments')
            [CompletionResult]::new('--torch-backend', '--torch-backend', [CompletionResultType]::ParameterName, 'Torch build to install: cpu, auto, cu128, … [default: what suits the devices]')
            [CompletionResult]::new('--offline', '--offline', [CompletionResultType]::ParameterName, 'Build environments from caches only')
            [CompletionResult]::new('--pass-env', '--pass-env', [CompletionResultType]::ParameterName, 'Further environment variables that tests may see, separated by commas')
            [CompletionResult]::new('--data-dir', '--data-dir', [CompletionResultType]::ParameterName, 'Directory of log and results [default: `local` in the platform''s data directory]')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Form of the report or list')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: config.yaml in the settings directory, if it is there]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'File with the token, readable by its owner only')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Only list the tests, with what they need and what this machine cannot run')
            [CompletionResult]::new('--fail-on-flaky', '--fail-on-flaky', [CompletionResultType]::ParameterName, 'Exit with 100 when a test passed only after a failed attempt')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more (-vv: everything)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more (-vv: everything)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only results and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only results and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'dtf;generate' {
            [CompletionResult]::new('--coordinator', '--coordinator', [CompletionResultType]::ParameterName, 'Coordinator to ask for its templates, its hardware and what it has measured')
            [CompletionResult]::new('--hw', '--hw', [CompletionResultType]::ParameterName, 'Back-ends, or `auto`: cpu and every accelerator found [default: cpu for generate, auto for run]')
            [CompletionResult]::new('--batch', '--batch', [CompletionResultType]::ParameterName, 'Batch sizes')
            [CompletionResult]::new('--sequence-length', '--sequence-length', [CompletionResultType]::ParameterName, 'Sequence lengths in tokens')
            [CompletionResult]::new('--image-size', '--image-size', [CompletionResultType]::ParameterName, 'Image sizes in pixels')
            [CompletionResult]::new('--dtype', '--dtype', [CompletionResultType]::ParameterName, 'Number types, such as float32,bfloat16')
            [CompletionResult]::new('--attention', '--attention', [CompletionResultType]::ParameterName, 'Implementations of attention: default, eager, sdpa, `flash_attention_2`')
            [CompletionResult]::new('--runtime', '--runtime', [CompletionResultType]::ParameterName, 'What executes the model: torch, onnxruntime, openvino')
            [CompletionResult]::new('--weights', '--weights', [CompletionResultType]::ParameterName, 'Where weights come from: auto, cached, random, download')
            [CompletionResult]::new('--exclude', '--exclude', [CompletionResultType]::ParameterName, 'Leave out combinations that match all of these values, such as backend=cuda,batch=16 (repeatable)')
            [CompletionResult]::new('--include', '--include', [CompletionResultType]::ParameterName, 'Add one combination; name every key that has several values (repeatable)')
            [CompletionResult]::new('--family', '--family', [CompletionResultType]::ParameterName, 'Family, when detection should not decide')
            [CompletionResult]::new('--revision', '--revision', [CompletionResultType]::ParameterName, 'Revision of the model')
            [CompletionResult]::new('--set', '--set', [CompletionResultType]::ParameterName, 'Further parameter of the template, as NAME=VALUE')
            [CompletionResult]::new('--templates', '--templates', [CompletionResultType]::ParameterName, 'Directory with templates of your own, which win, see docs/templates.md')
            [CompletionResult]::new('--from-pytest', '--from-pytest', [CompletionResultType]::ParameterName, 'Directory or file of a pytest suite. pytest decides about the root directory; the plan is written there, as dtf-plan.yaml, with a directory dtf-plan beside it')
            [CompletionResult]::new('--shard-time', '--shard-time', [CompletionResultType]::ParameterName, 'Time that a shard should take at most [default: a quarter of the suite, from 10s to 1m]')
            [CompletionResult]::new('--durations', '--durations', [CompletionResultType]::ParameterName, 'What tests took before: a JUnit file (.xml), or the `.test_durations` of pytest-split')
            [CompletionResult]::new('--files', '--files', [CompletionResultType]::ParameterName, 'Further files that the tests need, relative to the root directory (repeatable)')
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'Environment variable for collecting and for the tests (repeatable)')
            [CompletionResult]::new('--out', '--out', [CompletionResultType]::ParameterName, 'Directory to write [default: dtf-tests]')
            [CompletionResult]::new('--graph', '--graph', [CompletionResultType]::ParameterName, 'Only print what waits for what, as text or for Graphviz (dot)')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Form of what is printed, or of the report; csv for --dry-run, --run and --submit --wait')
            [CompletionResult]::new('--wait-timeout', '--wait-timeout', [CompletionResultType]::ParameterName, 'Stop waiting after TIME, with exit code 8')
            [CompletionResult]::new('--unschedulable-timeout', '--unschedulable-timeout', [CompletionResultType]::ParameterName, 'Stop waiting, with exit code 102, when for TIME nothing runs and no worker can run what is left [default: 1m; without any worker: wait]')
            [CompletionResult]::new('--slots', '--slots', [CompletionResultType]::ParameterName, 'Maximum number of tests at a time [default: one for each core]')
            [CompletionResult]::new('--tags', '--tags', [CompletionResultType]::ParameterName, 'Labels that tests can require, separated by commas')
            [CompletionResult]::new('--environments-dir', '--environments-dir', [CompletionResultType]::ParameterName, 'Directory of Python environments; can be shared')
            [CompletionResult]::new('--python', '--python', [CompletionResultType]::ParameterName, 'Interpreter to build environments with [default: python3 in PATH]')
            [CompletionResult]::new('--system-packages', '--system-packages', [CompletionResultType]::ParameterName, 'Use the packages that this interpreter has, instead of building environments')
            [CompletionResult]::new('--torch-backend', '--torch-backend', [CompletionResultType]::ParameterName, 'Torch build to install: cpu, auto, cu128, … [default: what suits the devices]')
            [CompletionResult]::new('--offline', '--offline', [CompletionResultType]::ParameterName, 'Build environments from caches only')
            [CompletionResult]::new('--pass-env', '--pass-env', [CompletionResultType]::ParameterName, 'Further environment variables that tests may see, separated by commas')
            [CompletionResult]::new('--data-dir', '--data-dir', [CompletionResultType]::ParameterName, 'Directory of log and results [default: `local` in the platform''s data directory]')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: config.yaml in the settings directory, if it is there]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'File with the token, readable by its owner only')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour')
            [CompletionResult]::new('--force', '--force', [CompletionResultType]::ParameterName, 'Write into a directory that is not empty')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Only list the tests, with what they need')
            [CompletionResult]::new('--explain', '--explain', [CompletionResultType]::ParameterName, 'Only explain what each model is, how that is known, and how each test got its priority')
            [CompletionResult]::new('--submit', '--submit', [CompletionResultType]::ParameterName, 'Send the tests to the coordinator')
            [CompletionResult]::new('--run', '--run', [CompletionResultType]::ParameterName, 'Run the tests on this machine')
            [CompletionResult]::new('--fail-on-flaky', '--fail-on-flaky', [CompletionResultType]::ParameterName, 'Exit with 100 when a test passed only after a failed attempt')
            [CompletionResult]::new('--wait', '--wait', [CompletionResultType]::ParameterName, 'Wait for the end and print the report')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more (-vv: everything)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more (-vv: everything)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only results and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only results and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'dtf;report' {
            [CompletionResult]::new('--coordinator', '--coordinator', [CompletionResultType]::ParameterName, 'Address of the coordinator [default: http://127.0.0.1:7700]')
            [CompletionResult]::new('--data-dir', '--data-dir', [CompletionResultType]::ParameterName, 'Directory of `dtf run` or of a stopped coordinator, read without asking one')
            [CompletionResult]::new('--since', '--since', [CompletionResultType]::ParameterName, 'Only runs from the last TIME, such as 7d, or since a date, such as 2026-11-28 [default: 7d]')
            [CompletionResult]::new('--run', '--run', [CompletionResultType]::ParameterName, 'Only this run, such as r12 or `latest` (repeatable)')
            [CompletionResult]::new('--limit', '--limit', [CompletionResultType]::ParameterName, 'Maximum number of rows')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Form of the report')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: config.yaml in the settings directory, if it is there]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'File with the token, readable by its owner only')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour')
            [CompletionResult]::new('--exit-code', '--exit-code', [CompletionResultType]::ParameterName, 'Exit by how the tests ended, with 8 while some have not')
            [CompletionResult]::new('--fail-on-flaky', '--fail-on-flaky', [CompletionResultType]::ParameterName, 'With --exit-code: exit with 100 when a test passed only after a failed attempt')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more (-vv: everything)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more (-vv: everything)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only results and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only results and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'dtf;status' {
            [CompletionResult]::new('--coordinator', '--coordinator', [CompletionResultType]::ParameterName, 'Address of the coordinator [default: http://127.0.0.1:7700]')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Form of the answer')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: config.yaml in the settings directory, if it is there]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'File with the token, readable by its owner only')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more (-vv: everything)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more (-vv: everything)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only results and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only results and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'dtf;cancel' {
            [CompletionResult]::new('--coordinator', '--coordinator', [CompletionResultType]::ParameterName, 'Address of the coordinator [default: http://127.0.0.1:7700]')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Form of the answer')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: config.yaml in the settings directory, if it is there]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'File with the token, readable by its owner only')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more (-vv: everything)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more (-vv: everything)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only results and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only results and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'dtf;logs' {
            [CompletionResult]::new('--coordinator', '--coordinator', [CompletionResultType]::ParameterName, 'Address of the coordinator [default: http://127.0.0.1:7700]')
            [CompletionResult]::new('--data-dir', '--data-dir', [CompletionResultType]::ParameterName, 'Directory of `dtf run` or of a stopped coordinator, read without asking one')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: config.yaml in the settings directory, if it is there]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'File with the token, readable by its owner only')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour')
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'Follow until the attempt ends')
            [CompletionResult]::new('--follow', '--follow', [CompletionResultType]::ParameterName, 'Follow until the attempt ends')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more (-vv: everything)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more (-vv: everything)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only results and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only results and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'dtf;why' {
            [CompletionResult]::new('--coordinator', '--coordinator', [CompletionResultType]::ParameterName, 'Address of the coordinator [default: http://127.0.0.1:7700]')
            [CompletionResult]::new('--data-dir', '--data-dir', [CompletionResultType]::ParameterName, 'Directory of `dtf run` or of a stopped coordinator, read without asking one')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Form of the answer')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: config.yaml in the settings directory, if it is there]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'File with the token, readable by its owner only')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more (-vv: everything)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more (-vv: everything)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only results and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only results and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'dtf;workers' {
            [CompletionResult]::new('--coordinator', '--coordinator', [CompletionResultType]::ParameterName, 'Address of the coordinator [default: http://127.0.0.1:7700]')
            [CompletionResult]::new('--drain', '--drain', [CompletionResultType]::ParameterName, 'Send no new tests to this worker: its id, or its name where only one has it')
            [CompletionResult]::new('--undrain', '--undrain', [CompletionResultType]::ParameterName, 'Send tests to this worker again')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Form of the answer')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: config.yaml in the settings directory, if it is there]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'File with the token, readable by its owner only')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour')
            [CompletionResult]::new('--all', '--all', [CompletionResultType]::ParameterName, 'List workers that have left, too')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more (-vv: everything)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more (-vv: everything)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only results and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only results and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'dtf;templates' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: config.yaml in the settings directory, if it is there]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'File with the token, readable by its owner only')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more (-vv: everything)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more (-vv: everything)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only results and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only results and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List what is in effect: built in, added to the coordinator, your own')
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Print a template or a shared part')
            [CompletionResult]::new('add', 'add', [CompletionResultType]::ParameterValue, 'Add templates to the coordinator, for everybody who submits there')
            [CompletionResult]::new('check', 'check', [CompletionResultType]::ParameterValue, 'Check templates: hostile values, Python''s own reading, dry runs without packages')
            [CompletionResult]::new('history', 'history', [CompletionResultType]::ParameterValue, 'List the versions of a template with author and time')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'dtf;templates;list' {
            [CompletionResult]::new('--coordinator', '--coordinator', [CompletionResultType]::ParameterName, 'Address of the coordinator [default: http://127.0.0.1:7700]')
            [CompletionResult]::new('--templates', '--templates', [CompletionResultType]::ParameterName, 'Directory with templates of your own, which win, see docs/templates.md')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Form of the answer')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: config.yaml in the settings directory, if it is there]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'File with the token, readable by its owner only')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more (-vv: everything)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more (-vv: everything)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only results and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only results and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'dtf;templates;show' {
            [CompletionResult]::new('--coordinator', '--coordinator', [CompletionResultType]::ParameterName, 'Address of the coordinator [default: http://127.0.0.1:7700]')
            [CompletionResult]::new('--templates', '--templates', [CompletionResultType]::ParameterName, 'Directory with templates of your own, which win, see docs/templates.md')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: config.yaml in the settings directory, if it is there]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'File with the token, readable by its owner only')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more (-vv: everything)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more (-vv: everything)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only results and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only results and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'dtf;templates;add' {
            [CompletionResult]::new('--coordinator', '--coordinator', [CompletionResultType]::ParameterName, 'Address of the coordinator [default: http://127.0.0.1:7700]')
            [CompletionResult]::new('--as', '--as', [CompletionResultType]::ParameterName, 'Place of a single file, such as vlm/test.py.j2')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Form of the answer')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: config.yaml in the settings directory, if it is there]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'File with the token, readable by its owner only')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more (-vv: everything)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more (-vv: everything)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only results and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only results and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'dtf;templates;check' {
            [CompletionResult]::new('--coordinator', '--coordinator', [CompletionResultType]::ParameterName, 'Address of the coordinator [default: http://127.0.0.1:7700]')
            [CompletionResult]::new('--templates', '--templates', [CompletionResultType]::ParameterName, 'Directory with templates of your own, which win, see docs/templates.md')
            [CompletionResult]::new('--python', '--python', [CompletionResultType]::ParameterName, 'Interpreter to check with [default: python3 in PATH]')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Form of the answer')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: config.yaml in the settings directory, if it is there]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'File with the token, readable by its owner only')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more (-vv: everything)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more (-vv: everything)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only results and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only results and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'dtf;templates;history' {
            [CompletionResult]::new('--coordinator', '--coordinator', [CompletionResultType]::ParameterName, 'Address of the coordinator [default: http://127.0.0.1:7700]')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Form of the answer')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: config.yaml in the settings directory, if it is there]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'File with the token, readable by its owner only')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more (-vv: everything)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more (-vv: everything)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only results and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only results and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'dtf;templates;help' {
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List what is in effect: built in, added to the coordinator, your own')
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Print a template or a shared part')
            [CompletionResult]::new('add', 'add', [CompletionResultType]::ParameterValue, 'Add templates to the coordinator, for everybody who submits there')
            [CompletionResult]::new('check', 'check', [CompletionResultType]::ParameterValue, 'Check templates: hostile values, Python''s own reading, dry runs without packages')
            [CompletionResult]::new('history', 'history', [CompletionResultType]::ParameterValue, 'List the versions of a template with author and time')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'dtf;templates;help;list' {
            break
        }
        'dtf;templates;help;show' {
            break
        }
        'dtf;templates;help;add' {
            break
        }
        'dtf;templates;help;check' {
            break
        }
        'dtf;templates;help;history' {
            break
        }
        'dtf;templates;help;help' {
            break
        }
        'dtf;completions' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: config.yaml in the settings directory, if it is there]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'File with the token, readable by its owner only')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more (-vv: everything)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more (-vv: everything)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only results and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only results and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'dtf;config-reference' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: config.yaml in the settings directory, if it is there]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'File with the token, readable by its owner only')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more (-vv: everything)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more (-vv: everything)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only results and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only results and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'dtf;openapi' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: config.yaml in the settings directory, if it is there]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'File with the token, readable by its owner only')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more (-vv: everything)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more (-vv: everything)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only results and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only results and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'dtf;help' {
            [CompletionResult]::new('coordinator', 'coordinator', [CompletionResultType]::ParameterValue, 'Start a coordinator: it schedules tests and keeps results')
            [CompletionResult]::new('worker', 'worker', [CompletionResultType]::ParameterValue, 'Lend this machine to a coordinator')
            [CompletionResult]::new('submit', 'submit', [CompletionResultType]::ParameterValue, 'Send a plan to the coordinator')
            [CompletionResult]::new('wait', 'wait', [CompletionResultType]::ParameterValue, 'Wait for a run that was submitted before')
            [CompletionResult]::new('check', 'check', [CompletionResultType]::ParameterValue, 'Check a plan and list its mistakes, without submitting it')
            [CompletionResult]::new('run', 'run', [CompletionResultType]::ParameterValue, 'Test on this machine: coordinator and worker in one process')
            [CompletionResult]::new('generate', 'generate', [CompletionResultType]::ParameterValue, 'Write tests for models: a plan, and scripts that run alone')
            [CompletionResult]::new('report', 'report', [CompletionResultType]::ParameterValue, 'Show what is correct, fast, broken or flaky')
            [CompletionResult]::new('status', 'status', [CompletionResultType]::ParameterValue, 'Show the coordinator''s state and what is running')
            [CompletionResult]::new('cancel', 'cancel', [CompletionResultType]::ParameterValue, 'Cancel a run: waiting tests end at once, running ones are stopped')
            [CompletionResult]::new('logs', 'logs', [CompletionResultType]::ParameterValue, 'Print what a test wrote')
            [CompletionResult]::new('why', 'why', [CompletionResultType]::ParameterValue, 'Explain why a test waits, was skipped, or ended as it did')
            [CompletionResult]::new('workers', 'workers', [CompletionResultType]::ParameterValue, 'List workers, or drain one')
            [CompletionResult]::new('templates', 'templates', [CompletionResultType]::ParameterValue, 'List, show, add and check templates of tests')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print completions for a shell')
            [CompletionResult]::new('config-reference', 'config-reference', [CompletionResultType]::ParameterValue, 'Print docs/config.md')
            [CompletionResult]::new('openapi', 'openapi', [CompletionResultType]::ParameterValue, 'Print docs/openapi.json')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'dtf;help;coordinator' {
            break
        }
        'dtf;help;worker' {
            break
        }
        'dtf;help;submit' {
            break
        }
        'dtf;help;wait' {
            break
        }
        'dtf;help;check' {
            break
        }
        'dtf;help;run' {
            break
        }
        'dtf;help;generate' {
            break
        }
        'dtf;help;report' {
            break
        }
        'dtf;help;status' {
            break
        }
        'dtf;help;cancel' {
            break
        }
        'dtf;help;logs' {
            break
        }
        'dtf;help;why' {
            break
        }
        'dtf;help;workers' {
            break
        }
        'dtf;help;templates' {
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List what is in effect: built in, added to the coordinator, your own')
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Print a template or a shared part')
            [CompletionResult]::new('add', 'add', [CompletionResultType]::ParameterValue, 'Add templates to the coordinator, for everybody who submits there')
            [CompletionResult]::new('check', 'check', [CompletionResultType]::ParameterValue, 'Check templates: hostile values, Python''s own reading, dry runs without packages')
            [CompletionResult]::new('history', 'history', [CompletionResultType]::ParameterValue, 'List the versions of a template with author and time')
            break
        }
        'dtf;help;templates;list' {
            break
        }
        'dtf;help;templates;show' {
            break
        }
        'dtf;help;templates;add' {
            break
        }
        'dtf;help;templates;check' {
            break
        }
        'dtf;help;templates;history' {
            break
        }
        'dtf;help;completions' {
            break
        }
        'dtf;help;config-reference' {
            break
        }
        'dtf;help;openapi' {
            break
        }
        'dtf;help;help' {
            break
        }
    })

    $completions.Where{ $_.CompletionText -like "$wordToComplete*" } |
        Sort-Object -Property ListItemText
}
