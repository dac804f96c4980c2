/// The files of the web client.
package enum WebClient {}
