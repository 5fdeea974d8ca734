# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_larder_global_optspecs
    string join \n r/repo= q/quiet v/verbose json no-color no-progress progress-interval= lock-wait= passphrase-file= passphrase-command= passphrase-fd= key-file= accept-rollback h/help V/version
end

function __fish_larder_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_larder_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_larder_using_subcommand
    set -l cmd (__fish_larder_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c larder -n "__fish_larder_needs_command" -s r -l repo -d 'The repository: a directory. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_needs_command" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_needs_command" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_needs_command" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_needs_command" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_needs_command" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_needs_command" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_needs_command" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_needs_command" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_needs_command" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_needs_command" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_needs_command" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_needs_command" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c larder -n "__fish_larder_needs_command" -s V -l version -d 'Print version'
complete -c larder -n "__fish_larder_needs_command" -f -a "hash-object" -d 'Print the id of content'
complete -c larder -n "__fish_larder_needs_command" -f -a "digest" -d 'Print a checksum of files or of standard input'
complete -c larder -n "__fish_larder_needs_command" -f -a "chunk" -d 'List where content is cut into chunks'
complete -c larder -n "__fish_larder_needs_command" -f -a "compress" -d 'Compress a file to standard output'
complete -c larder -n "__fish_larder_needs_command" -f -a "decompress" -d 'Decompress a file to standard output'
complete -c larder -n "__fish_larder_needs_command" -f -a "lock" -d 'Run a command while the repository is locked'
complete -c larder -n "__fish_larder_needs_command" -f -a "help" -d 'Explain a command, or list them'
complete -c larder -n "__fish_larder_using_subcommand hash-object" -s r -l repo -d 'The repository: a directory. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand hash-object" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_using_subcommand hash-object" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_using_subcommand hash-object" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand hash-object" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand hash-object" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand hash-object" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_using_subcommand hash-object" -l stdin -d 'Read one object from standard input'
complete -c larder -n "__fish_larder_using_subcommand hash-object" -l stdin-paths -d 'Read the names of files from standard input, one a line'
complete -c larder -n "__fish_larder_using_subcommand hash-object" -s z -d 'With --stdin-paths: names end with a NUL byte instead of a newline'
complete -c larder -n "__fish_larder_using_subcommand hash-object" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_using_subcommand hash-object" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_using_subcommand hash-object" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_using_subcommand hash-object" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_using_subcommand hash-object" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_using_subcommand hash-object" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_using_subcommand hash-object" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c larder -n "__fish_larder_using_subcommand digest" -s r -l repo -d 'The repository: a directory. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand digest" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_using_subcommand digest" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_using_subcommand digest" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand digest" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand digest" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand digest" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_using_subcommand digest" -l crc32 -d 'Print the CRC-32, 8 digits'
complete -c larder -n "__fish_larder_using_subcommand digest" -l sha256 -d 'Print the SHA-256, 64 digits; this is the default and the id of the content'
complete -c larder -n "__fish_larder_using_subcommand digest" -l blake3 -d 'Print the BLAKE3 hash without a key, 64 digits'
complete -c larder -n "__fish_larder_using_subcommand digest" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_using_subcommand digest" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_using_subcommand digest" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_using_subcommand digest" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_using_subcommand digest" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_using_subcommand digest" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_using_subcommand digest" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c larder -n "__fish_larder_using_subcommand chunk" -l profile -d 'The profile of sizes: default (16/64/256 KiB), fine (4/16/64 KiB) or coarse (256/1024/4096 KiB)' -r
complete -c larder -n "__fish_larder_using_subcommand chunk" -l sizes -d 'The shortest, average and longest chunk: 4096/32768/131072' -r
complete -c larder -n "__fish_larder_using_subcommand chunk" -s r -l repo -d 'The repository: a directory. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand chunk" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_using_subcommand chunk" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_using_subcommand chunk" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand chunk" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand chunk" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand chunk" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_using_subcommand chunk" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_using_subcommand chunk" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_using_subcommand chunk" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_using_subcommand chunk" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_using_subcommand chunk" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_using_subcommand chunk" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_using_subcommand chunk" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c larder -n "__fish_larder_using_subcommand compress" -s a -l algorithm -d 'The algorithm: none, zlib, gzip, lz4 or zstd' -r
complete -c larder -n "__fish_larder_using_subcommand compress" -s l -l level -d 'How hard to try: 1 to 9 for zlib and gzip, 1 to 12 for lz4, 1 to 19 for zstd' -r
complete -c larder -n "__fish_larder_using_subcommand compress" -s r -l repo -d 'The repository: a directory. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand compress" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_using_subcommand compress" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_using_subcommand compress" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand compress" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand compress" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand compress" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_using_subcommand compress" -l estimate -d 'Compress nothing: print what it would save, in percent'
complete -c larder -n "__fish_larder_using_subcommand compress" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_using_subcommand compress" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_using_subcommand compress" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_using_subcommand compress" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_using_subcommand compress" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_using_subcommand compress" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_using_subcommand compress" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c larder -n "__fish_larder_using_subcommand decompress" -s r -l repo -d 'The repository: a directory. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand decompress" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_using_subcommand decompress" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_using_subcommand decompress" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand decompress" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand decompress" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand decompress" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_using_subcommand decompress" -l none -d 'Copy: the input was written by `compress -a none`'
complete -c larder -n "__fish_larder_using_subcommand decompress" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_using_subcommand decompress" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_using_subcommand decompress" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_using_subcommand decompress" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_using_subcommand decompress" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_using_subcommand decompress" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_using_subcommand decompress" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c larder -n "__fish_larder_using_subcommand lock" -l wait -d 'Wait this long at most; otherwise it waits until the lock is free' -r
complete -c larder -n "__fish_larder_using_subcommand lock" -s r -l repo -d 'The repository: a directory. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand lock" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_using_subcommand lock" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_using_subcommand lock" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand lock" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand lock" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand lock" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_using_subcommand lock" -l shared -d 'Share the lock with others who share it'
complete -c larder -n "__fish_larder_using_subcommand lock" -l no-wait -d 'Do not wait at all'
complete -c larder -n "__fish_larder_using_subcommand lock" -l status -d 'List who holds the lock, and run nothing'
complete -c larder -n "__fish_larder_using_subcommand lock" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_using_subcommand lock" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_using_subcommand lock" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_using_subcommand lock" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_using_subcommand lock" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_using_subcommand lock" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_using_subcommand lock" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c larder -n "__fish_larder_using_subcommand help" -l generate -d 'Write what is made from the table into a directory: `man`, `completions`, `cli` or `errors`' -r -F
complete -c larder -n "__fish_larder_using_subcommand help" -s r -l repo -d 'The repository: a directory. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand help" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_using_subcommand help" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_using_subcommand help" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand help" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand help" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand help" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_using_subcommand help" -s a -l all -d 'List all commands, plumbing too'
complete -c larder -n "__fish_larder_using_subcommand help" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_using_subcommand help" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_using_subcommand help" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_using_subcommand help" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_using_subcommand help" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_using_subcommand help" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_using_subcommand help" -s h -l help -d 'Print help (see more with \'--help\')'
