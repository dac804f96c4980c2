/// How one image of a slideshow gives way to the next.
enum SlideshowTransition: String, CaseIterable {
  /// A cut.
  case none
  case fade, dissolve, fadeblack, fadewhite, fadegrays, distance, pixelize, radial, zoomin
  case wipeleft, wiperight, wipeup, wipedown
  case slideleft, slideright, slideup, slidedown
  case smoothleft, smoothright, smoothup, smoothdown
  case circleopen, circleclose, circlecrop, rectcrop, vertopen, vertclose, horzopen, horzclose
  // The words of the older video generator's page.
  case crossfade, slide, wipe, zoom

  /// What ffmpeg's filter `xfade` calls it; nil for a cut.
  var filterName: String? {
    switch self {
    case .none: nil
    case .crossfade: "fade"
    case .slide: "slideleft"
    case .wipe: "wipeleft"
    case .zoom: "zoomin"
    default: rawValue
    }
  }
}
