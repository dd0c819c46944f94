/*
 * Bytes and what Python 3.11 makes of them, quopri.encodestring(bytes): rows
 * {bytes, their number, text}. Left out is what crit_qp_write() does otherwise:
 * carriage returns, and white space at the end of a line that is full.
 */
	{"", 0,
	 ""},
	{"a", 1,
	 "a"},
	{"/tmp/socket", 11,
	 "/tmp/socket"},
	{"\x00/abstract", 10,
	 "=00/abstract"},
	{"\x00", 1,
	 "=00"},
	{" ", 1,
	 "=20"},
	{"a ", 2,
	 "a=20"},
	{"a\t", 2,
	 "a=09"},
	{"a \nb", 4,
	 "a=20\nb"},
	{"a\t\nb", 4,
	 "a=09\nb"},
	{" a", 2,
	 " a"},
	{"\ta", 2,
	 "\ta"},
	{"\n", 1,
	 "\n"},
	{"\n\n", 2,
	 "\n\n"},
	{"a\n", 2,
	 "a\n"},
	{"=", 1,
	 "=3D"},
	{"a=b", 3,
	 "a=3Db"},
	{"=3D", 3,
	 "=3D3D"},
	{".", 1,
	 "=2E"},
	{".\n", 2,
	 "=2E\n"},
	{".\x00", 2,
	 "=2E=00"},
	{"..", 2,
	 ".."},
	{".a", 2,
	 ".a"},
	{"a.", 2,
	 "a."},
	{"a\n.", 3,
	 "a\n=2E"},
	{"a\n.\nb", 5,
	 "a\n=2E\nb"},
	{"a\n.b", 4,
	 "a\n.b"},
	{"~", 1,
	 "~"},
	{"\x7f", 1,
	 "=7F"},
	{"\x80\xff", 2,
	 "=80=FF"},
	{"d\xc3\xa9/\xc3\xbc", 6,
	 "d=C3=A9/=C3=BC"},
	{"\x01\x1f", 2,
	 "=01=1F"},
	{"\"\\", 2,
	 "\"\\"},
	{"_", 1,
	 "_"},
	{"a_b", 3,
	 "a_b"},
	{"!", 1,
	 "!"},
	{"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", 75,
	 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"},
	{"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", 76,
	 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"},
	{"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	 "x", 77,
	 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx="
	 "\nxx"},
	{"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", 152,
	 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx="
	 "\nxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	 "x=\nxx"},
	{"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx=", 75,
	 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx="
	 "\n=3D"},
	{"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx=", 74,
	 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx=\n"
	 "=3D"},
	{"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx=", 73,
	 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx=3D"},
	{"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\xff"
	 "\xff", 74,
	 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx=FF="
	 "\n=FF"},
	{"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	 "\nyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"
	 "yy\n", 153,
	 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	 "\nyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"
	 "yy\n"},
	{"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	 "\n", 77,
	 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	 "\n"},
	{"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
	 "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 30,
	 "=FF=FF=FF=FF=FF=FF=FF=FF=FF=FF=FF=FF=FF=FF=FF=FF=FF=FF=FF=FF=FF=FF=FF=FF=FF="
	 "\n=FF=FF=FF=FF=FF"},
	{"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx ", 75,
	 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx="
	 "\n=20"},
	{"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx ", 76,
	 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx="
	 "\n=20"},
	{"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	 " \n", 78,
	 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx="
	 "\nx=20\n"},
	{"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx.", 76,
	 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx."},
	{"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx."
	 "\n", 77,
	 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx."
	 "\n"},
	{"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	 "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	 "\x00\x00", 40,
	 "=00=00=00=00=00=00=00=00=00=00=00=00=00=00=00=00=00=00=00=00=00=00=00=00=00="
	 "\n=00=00=00=00=00=00=00=00=00=00=00=00=00=00=00"},
	{"\x00" "abcdefabcdefabcdefabcdefabcdefabcdefabcdefabcdefabcdefabcdefabcdefabc"
	 "defabcdefabcdefabcdefabcdefabcdef", 103,
	 "=00abcdefabcdefabcdefabcdefabcdefabcdefabcdefabcdefabcdefabcdefabcdefabcdef="
	 "\nabcdefabcdefabcdefabcdefabcdef"},
	{"\x00\x01\x02\x03\x04\x05\x06\x07\x08\t\n\x0b\x0c\x0e\x0f\x10\x11\x12\x13\x14"
	 "\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f !\"#$%&'()*+,-./0123456789:;<=>"
	 "?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~\x7f\x80"
	 "\x81\x82\x83\x84\x85\x86\x87\x88\x89\x8a\x8b\x8c\x8d\x8e\x8f\x90\x91\x92\x93"
	 "\x94\x95\x96\x97\x98\x99\x9a\x9b\x9c\x9d\x9e\x9f\xa0\xa1\xa2\xa3\xa4\xa5\xa6"
	 "\xa7\xa8\xa9\xaa\xab\xac\xad\xae\xaf\xb0\xb1\xb2\xb3\xb4\xb5\xb6\xb7\xb8\xb9"
	 "\xba\xbb\xbc\xbd\xbe\xbf\xc0\xc1\xc2\xc3\xc4\xc5\xc6\xc7\xc8\xc9\xca\xcb\xcc"
	 "\xcd\xce\xcf\xd0\xd1\xd2\xd3\xd4\xd5\xd6\xd7\xd8\xd9\xda\xdb\xdc\xdd\xde\xdf"
	 "\xe0\xe1\xe2\xe3\xe4\xe5\xe6\xe7\xe8\xe9\xea\xeb\xec\xed\xee\xef\xf0\xf1\xf2"
	 "\xf3\xf4\xf5\xf6\xf7\xf8\xf9\xfa\xfb\xfc\xfd\xfe\xff", 255,
	 "=00=01=02=03=04=05=06=07=08=09\n=0B=0C=0E=0F=10=11=12=13=14=15=16=17=18=19=1"
	 "A=1B=1C=1D=1E=1F !\"#$%&'()*+,-.=\n/0123456789:;<=3D>?@ABCDEFGHIJKLMNOPQRSTU"
	 "VWXYZ[\\]^_`abcdefghijklmnopqrstuvw=\nxyz{|}~=7F=80=81=82=83=84=85=86=87=88="
	 "89=8A=8B=8C=8D=8E=8F=90=91=92=93=94=\n=95=96=97=98=99=9A=9B=9C=9D=9E=9F=A0=A"
	 "1=A2=A3=A4=A5=A6=A7=A8=A9=AA=AB=AC=AD=\n=AE=AF=B0=B1=B2=B3=B4=B5=B6=B7=B8=B9"
	 "=BA=BB=BC=BD=BE=BF=C0=C1=C2=C3=C4=C5=C6=\n=C7=C8=C9=CA=CB=CC=CD=CE=CF=D0=D1="
	 "D2=D3=D4=D5=D6=D7=D8=D9=DA=DB=DC=DD=DE=DF=\n=E0=E1=E2=E3=E4=E5=E6=E7=E8=E9=E"
	 "A=EB=EC=ED=EE=EF=F0=F1=F2=F3=F4=F5=F6=F7=F8=\n=F9=FA=FB=FC=FD=FE=FF"},
	{"z\n/z~zy\xe9" "a~\x00/=ya b\n\x00~=\t\xe9" "bx=az=\t. ~/\t //b xx\x00  a~a=/"
	 "= ~ .\n=\xe9yy= z=\t.", 66,
	 "z\n/z~zy=E9a~=00/=3Dya b\n=00~=3D\t=E9bx=3Daz=3D\t. ~/\t //b xx=00  a~a=3D/="
	 "3D ~ .\n=3D=E9yy=3D z=3D\t."},
	{"\n\t  .b", 6,
	 "\n\t  .b"},
	{".~xxaxyz\nb.\n~.\x00z\n \x00\x00z a.az\n~\ta\xe9/\t\n\tx~a\x00" "az x=b/=~"
	 "\x00\n\xe9\n\xe9./\x00" "bxz//\n~.a\tb=\n\xe9x\n \n.z\xe9" "b.y\n. /b", 85,
	 ".~xxaxyz\nb.\n~.=00z\n =00=00z a.az\n~\ta=E9/=09\n\tx~a=00az x=3Db/=3D~=00\n"
	 "=E9\n=E9./=00bxz//\n~.a\tb=3D\n=E9x\n=20\n.z=E9b.y\n. /b"},
	{"zz.\x00 zabx\xe9\ta=zx\n~.\x00y\t aya/\x00\n~= zx y/\tb ", 39,
	 "zz.=00 zabx=E9\ta=3Dzx\n~.=00y\t aya/=00\n~=3D zx y/\tb=20"},
	{"\n a~\t. \x00x~ \xe9\x00\x00zz\n\x00..\x00\t b\t~\xe9 y\x00~\n b\x00.\xe9/"
	 "\xe9~\xe9\nb///\nzxya/.\n\xe9zy.~\x00./zz.\ny x~a\x00\xe9/.\ny.\x00.~\xe9yy/"
	 "\n\n.y\nz~\t\n~ ~~z\x00\n\n\xe9 \xe9 =~\n~\x00.", 112,
	 "\n a~\t. =00x~ =E9=00=00zz\n=00..=00\t b\t~=E9 y=00~\n b=00.=E9/=E9~=E9\nb//"
	 "/\nzxya/.\n=E9zy.~=00./zz.\ny x~a=00=E9/.\ny.=00.~=E9yy/\n\n.y\nz~=09\n~ ~~z"
	 "=00\n\n=E9 =E9 =3D~\n~=00."},
	{"zyz\t x/x\xe9y\t.x\xe9/~y.za=", 21,
	 "zyz\t x/x=E9y\t.x=E9/~y.za=3D"},
	{"x\x00xy =/y yza\x00= a b\n \x00=\xe9" "a\t\x00\n\tyxbx==z\na\n\t.~", 41,
	 "x=00xy =3D/y yza=00=3D a b\n =00=3D=E9a\t=00\n\tyxbx=3D=3Dz\na\n\t.~"},
	{"~bz~\xe9\na\xe9x.b.\xe9\xe9\nx.\n~ \t\t~xy\xe9\n\x00  x\tx\x00= xb\n~ya\tb\n"
	 "xx\xe9 \nyx\t\t\t=\x00.\x00z\t\t~ xx.z.\x00.\ta\n.\x00. \x00" "abyx\x00=.a/ "
	 "~\ta\x00\xe9\xe9.=\x00/a=\x00.~ ", 105,
	 "~bz~=E9\na=E9x.b.=E9=E9\nx.\n~ \t\t~xy=E9\n=00  x\tx=00=3D xb\n~ya\tb\nxx=E9"
	 "=20\nyx\t\t\t=3D=00.=00z\t\t~ xx.z.=00.\ta\n=2E=00. =00abyx=00=3D.a/ ~\ta=00"
	 "=E9=E9.=3D=00/a=3D=00.~=20"},
	{".\x00x\x00\xe9y~xzba/ ..\xe9z\nx.z\xe9" "a\x00\n\nyz~x aa.\xe9\x00yby\xe9=a"
	 "\t//\txxzzyy\x00~~\t\x00\ty~z=.\x00~/b.~az/\tx", 74,
	 "=2E=00x=00=E9y~xzba/ ..=E9z\nx.z=E9a=00\n\nyz~x aa.=E9=00yby=E9=3Da\t//\txxz"
	 "zyy=00~~\t=00\ty~z=3D.=00~/b.~az/\tx"},
	{"y/\x00.  \x00z\xe9\x00\n\xe9 \tx\xe9/abz=.~b/bya\nz\tb\tz\x00" "ab~b=xy~bz ."
	 "z\x00  x \t/ bx=a\xe9" "by\tzb.axxbz\tx", 74,
	 "y/=00.  =00z=E9=00\n=E9 \tx=E9/abz=3D.~b/bya\nz\tb\tz=00ab~b=3Dxy~bz .z=00  "
	 "x \t/ bx=3Da=E9by\tzb.axxbz\tx"},
	{"a\tb\nyx\x00\x00\ny\na z. xyy\xe9.\xe9\xe9x=.b\xe9=.~/.\xe9 ", 35,
	 "a\tb\nyx=00=00\ny\na z. xyy=E9.=E9=E9x=3D.b=E9=3D.~/.=E9=20"},
	{"~\n\x00z\t  zay\nbxyab~b\xe9x\x00=\t\x00\x00\nb/\xe9" "a\xe9z\ta~ \ty/=zbby"
	 "\x00~= zx\t\n~=.\nxz\n/\t", 61,
	 "~\n=00z\t  zay\nbxyab~b=E9x=00=3D\t=00=00\nb/=E9a=E9z\ta~ \ty/=3Dzbby=00~=3D"
	 " zx=09\n~=3D.\nxz\n/=09"},
