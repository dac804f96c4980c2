@main struct Fanfare { static func main() {} }
