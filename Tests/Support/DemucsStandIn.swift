import Foundation

/// A program that takes what Demucs takes, prints what Demucs prints, and separates nothing: each stem is a line of
/// text that names it. It goes on when it is told, never by the clock.
package struct DemucsStandIn: Sendable {
  package let program: String
  /// Each run writes a line when it has begun.
  package let started: Fifo
  /// Each byte that is written lets a run go on by one step.
  private let steps: FileHandle
  private let stepsPath: String

  /// A run goes through as many bars as the model has parts, each in four steps.
  package init(in folder: TemporaryFolder, models: Int = 1) throws {
    started = Fifo(folder.path("started"))
    stepsPath = folder.path("steps")
    precondition(mkfifo(stepsPath, 0o600) == 0, "a fifo cannot be made")
    // For reading too: so the pipe stays open whoever comes and goes.
    guard let steps = FileHandle(forUpdatingAtPath: stepsPath) else {
      preconditionFailure("a fifo cannot be opened")
    }
    self.steps = steps
    program = try folder.write(
      #"""
      #!/bin/sh
      stem= extension=wav
      while [ $# -gt 0 ]; do
        case "$1" in
          -n) model=$2; shift;; -o) folder=$2; shift;; --filename) pattern=$2; shift;; --two-stems) stem=$2; shift;;
          -d) shift;; --mp3) extension=mp3;; --flac) extension=flac;; --) ;;
          -*) echo "unrecognized arguments: $1" >&2; exit 2;;
          *) track=$1;;
        esac
        shift
      done
      test -f "$track" && test "$pattern" = '{stem}.{ext}' && test -n "$TORCH_HOME" || exit 3
      echo "Selected model is a bag of \#(models) models. You will see that many progress bars per track."
      echo "Separated tracks will be stored in $folder/$model"
      echo "Separating track $track"
      echo started > "\#(started.path)"
      for part in $(seq \#(models)); do
        for percent in 0 25 50 75 100; do
          printf '\r%3d%%|██▌       | %s/11.7 [00:01<00:09,  4.02seconds/s]' $percent $((percent / 10)).0 >&2
          test $percent = 100 || head -c 1 "\#(stepsPath)" > /dev/null
        done
        echo >&2
      done
      mkdir -p "$folder/$model"
      if [ -n "$stem" ]; then
        for name in "$stem" "no_$stem"; do echo "$name" > "$folder/$model/$name.$extension"; done
      else
        for name in drums bass other vocals; do echo "$name" > "$folder/$model/$name.$extension"; done
      fi
      """#, to: "demucs")
    precondition(chmod(program, 0o700) == 0, "a program cannot be made one")
  }

  /// Lets runs go on by so many steps together.
  package func go(_ count: Int = 1) { steps.write(Data(repeating: 0x2E, count: count)) }
}
