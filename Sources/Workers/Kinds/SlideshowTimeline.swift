/// Which frames of a slideshow show what: all counted in whole frames, so that the video is as long as its images.
struct SlideshowTimeline: Hashable {
  /// Frames a second.
  static let rate = 25

  let imageCount: Int
  let seconds: Double

  /// All frames of the video.
  var frames: Int { end(of: imageCount - 1) }
  /// The video's length in seconds.
  var length: Double { Double(frames) / Double(Self.rate) }

  /// The frames of one image's clip, its transition from the image before among them.
  func frames(of image: Int) -> Int {
    end(of: image) - (image == 0 ? 0 : end(of: image - 1))
  }

  /// The frames in which an image's clip comes over the one before: a second, or half of a shorter clip.
  func transitionFrames(of image: Int) -> Int {
    image == 0 ? 0 : max(1, min(Self.rate, frames(of: image) / 2))
  }

  private func end(of image: Int) -> Int {
    Int((Double(image + 1) * seconds * Double(Self.rate)).rounded())
  }

  /// How far the work is when an image's turn comes: from 20 to 60 percent, in even steps.
  func percent(at image: Int) -> Int {
    imageCount == 1 ? 20 : 20 + image * 40 / (imageCount - 1)
  }
}

/// The filters that make a clip of one image, or of two where one comes over the other.
enum SlideshowFilters {
  /// A graph of the inputs 0 and, with a transition, 1; its output is `[clip]`.
  static func graph(_ size: PictureSize, frames: Int, transition: (name: String, frames: Int)?) -> String {
    guard let transition else { return "\(still(0, size, frames))[clip]" }
    let length = Double(transition.frames) / Double(SlideshowTimeline.rate)
    return
      "\(still(0, size, transition.frames))[before];\(still(1, size, frames))[after];"
      + "[before][after]xfade=transition=\(transition.name):duration=\(length):offset=0,"
      + "setpts=N/(\(SlideshowTimeline.rate)*TB)[clip]"
  }

  /// What says that colours are meant as the filters made them: players would guess by the size.
  static let colours = [
    "-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", "-color_range", "tv",
  ]

  /// The first picture of an input, as large as it fits, on black, for so many frames and a few to spare.
  private static func still(_ input: Int, _ size: PictureSize, _ frames: Int) -> String {
    let rate = SlideshowTimeline.rate
    let scale = "min(\(size.width)/iw,\(size.height)/ih)"
    return
      "color=c=black:s=\(size):r=\(rate),format=yuv420p,trim=end_frame=1[ground\(input)];"
      + "[\(input):v]trim=end_frame=1,setpts=PTS-STARTPTS,"
      + "scale=w='max(2,2*trunc(\(scale)*iw/2))':h='max(2,2*trunc(\(scale)*ih/2))':out_color_matrix=bt709:out_range=tv,"
      + "format=yuva420p,setsar=1[picture\(input)];"
      + "[ground\(input)][picture\(input)]overlay=x='2*trunc((W-w)/4)':y='2*trunc((H-h)/4)',"
      + "format=yuv420p,tpad=stop_mode=clone:stop=\(frames + 2),settb=1/\(rate),fps=\(rate)"
  }
}
